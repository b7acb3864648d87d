// SPDX-License-Identifier: Apache-2.0

/// The versions of the Docker Engine API.
public enum APIVersion {
    /// The newest that we announce.
    public static let newest = "1.44"
    /// The oldest that we answer.
    public static let oldest = "1.24"

    /// Tandem's own version.
    public static let product = "0.1.0"
}
