// SPDX-License-Identifier: Apache-2.0

public import Client

/// Why something could not be measured.
public struct BenchmarkError: Error, Sendable, Hashable {
    /// One sentence.
    public let message: String
    /// What to do.
    public let hint: String?

    /// Describes a failure.
    public init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// A failure of the daemon.
    public init(_ error: ClientError) { self.init(error.message, hint: error.hint) }
}
