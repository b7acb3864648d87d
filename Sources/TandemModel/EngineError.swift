// SPDX-License-Identifier: Apache-2.0

/// What went wrong with which object, and what to do about it.
///
/// The API turns the code into an HTTP status and the CLI into an exit code; nothing ever matches on the text.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// The class of a failure.
    ///
    /// New codes may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The stable name of the code, for example `not_found`.
        public let description: String

        private init(_ name: String) { description = name }

        /// The request itself is wrong: a flag, a limit, a name that no object may have.
        public static let invalidArgument = Code("invalid_argument")
        /// The named object does not exist.
        public static let notFound = Code("not_found")
        /// The object exists, but its state or another object forbids the request.
        public static let conflict = Code("conflict")
        /// The object is already in the state that was asked for.
        public static let notModified = Code("not_modified")
        /// This host, this kind of workload or this version cannot do it.
        public static let unsupported = Code("unsupported")
        /// The caller or the daemon lacks a right.
        public static let permissionDenied = Code("permission_denied")
        /// Somebody else has to be shown who asks, and was not, or not rightly.
        public static let unauthorized = Code("unauthorized")
        /// No space, memory or other quantity is left.
        public static let resourceExhausted = Code("resource_exhausted")
        /// A check of content failed: digest, size or format.
        public static let corruptData = Code("corrupt_data")
        /// The workload's command exists but cannot be executed (exit code 126).
        public static let commandNotExecutable = Code("command_not_executable")
        /// The workload's command does not exist (exit code 127).
        public static let commandNotFound = Code("command_not_found")
        /// A step did not end within its time box.
        public static let timeout = Code("timeout")
        /// The daemon cannot be reached, or a service that it needs cannot.
        public static let unavailable = Code("unavailable")
        /// Anything else: a defect of Tandem or of the host.
        public static let `internal` = Code("internal")
    }

    /// One undo step that failed while the error was handled.
    public struct CleanupFailure: Sendable {
        /// The name of the step.
        public let step: String
        /// What its undo reported.
        public let message: String

        /// Records a failed undo step.
        public init(step: String, message: String) {
            self.step = step
            self.message = message
        }
    }

    /// The class of the failure.
    public let code: Code
    /// A lower-case clause that names the object in quotes; no full stop.
    public let message: String
    /// One imperative sentence that names a command or a setting.
    public let hint: String?
    /// What a lower layer reported.
    public let cause: (any Error)?
    /// Undo steps that failed too; what they left is removed at the next start of the daemon.
    public var cleanupFailures: [CleanupFailure]

    /// Describes a failure.
    public init(_ code: Code, _ message: String, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
        cleanupFailures = []
    }

    /// The message, and the cause where there is one.
    public var description: String {
        guard let cause else { return message }
        return "\(message): \(cause)"
    }
}
