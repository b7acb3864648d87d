// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// One layer of an image as a file that both kinds of workload mount.
public struct Layer: Sendable, Hashable {
    /// `sha256:…` of the uncompressed tar.
    public let diffID: String
    /// The EROFS file.
    public let path: FilePath
    /// Length of the file in bytes.
    public let size: UInt64
}
