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
    /// Whether its end has not come yet, once started.
    public internal(set) var isRunning = false
    /// Its exit code, once it has ended.
    public internal(set) var exitCode: Int32?
    /// Its process id as the executor sees it.
    public internal(set) var processID: Int32?
    /// The connection to it, once started.
    public internal(set) var session: ProcessSession?
}
