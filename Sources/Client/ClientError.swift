// SPDX-License-Identifier: Apache-2.0

/// Why a request came to nothing.
public struct ClientError: Error, Sendable, CustomStringConvertible {
    /// HTTP status; 0 if the daemon could not be reached.
    public let status: Int
    /// The daemon's sentence.
    public let message: String
    /// What to do about it.
    public let hint: String?
    /// The daemon's stable code, for example `not_found`.
    public let code: String

    /// Describes a failure.
    public init(status: Int, message: String, hint: String? = nil, code: String) {
        self.status = status
        self.message = message
        self.hint = hint
        self.code = code
    }

    /// The daemon's sentence.
    public var description: String { message }
}
