// SPDX-License-Identifier: Apache-2.0

/// One process to run in a workload: its first one, or an `exec`.
public struct ProcessSpec: Hashable, Sendable, Codable {
    /// The command and its arguments; never empty.
    public var arguments: [String]
    /// `NAME=value` entries, in order; later ones win.
    public var environment: [String]
    /// Absolute path inside the workload; created if it is missing (first process only).
    public var workingDirectory: String
    /// Docker's `USER[:GROUP]`, each a name or a number; empty means root.
    ///
    /// Resolved inside the workload.
    public var user: String
    /// Further groups, names or numbers.
    public var additionalGroups: [String]
    /// Whether the process gets a pseudo terminal instead of pipes.
    public var terminal: Bool
    /// The terminal's first size; `nil` leaves it at zero until somebody sets it.
    public var terminalSize: TerminalSize?
    /// Whether standard input is kept open; otherwise it reads end-of-file at once.
    public var openStandardInput: Bool
    /// Runs with every capability and without the seccomp filter.
    public var privileged: Bool

    /// Describes a process.
    public init(
        arguments: [String], environment: [String] = [], workingDirectory: String = "/", user: String = "",
        additionalGroups: [String] = [], terminal: Bool = false, openStandardInput: Bool = false,
        privileged: Bool = false
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.additionalGroups = additionalGroups
        self.terminal = terminal
        self.openStandardInput = openStandardInput
        self.privileged = privileged
    }
}

/// The size of a terminal in characters.
public struct TerminalSize: Hashable, Sendable, Codable {
    /// Height.
    public var rows: UInt16
    /// Width.
    public var columns: UInt16

    /// Describes a size.
    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}
