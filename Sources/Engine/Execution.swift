// SPDX-License-Identifier: Apache-2.0

public import Monitor
public import TandemModel

/// A further process in a workload, as `exec` makes it.
public struct Execution: Sendable {
    /// 64 hexadecimal digits.
    public let id: String
    /// The workload.
    public let workload: WorkloadID
    /// What is executed.
    public let process: ProcessSpec
    /// The keys by which a client leaves it, in Docker's form; empty for Docker's own.
    public let detachKeys: String
    /// Whether its end has not come yet, once started.
    public internal(set) var isRunning = false
    /// Its exit code, once it has ended.
    public internal(set) var exitCode: Int32?
    /// Its process id as the executor sees it.
    public internal(set) var processID: Int32?
    /// The connection to it, once started.
    public internal(set) var session: ProcessSession?

    /// What events say about it: as dockerd, with a space behind the program also where no argument follows.
    var line: String {
        (process.arguments.first ?? "") + " " + process.arguments.dropFirst().joined(separator: " ")
    }
}
