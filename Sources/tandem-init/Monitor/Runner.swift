// SPDX-License-Identifier: Apache-2.0

/// Something that runs a workload's processes: this process itself, or a guest's agent behind a channel.
///
/// A class to be derived from, because Embedded Swift has no existentials.
class Runner {
    /// A process has been executed: its number, its pid as the executor sees it.
    var onStarted: (UInt32, UInt32) -> Void = { _, _ in }
    /// A process could not be launched.
    var onFailed: (UInt32, LaunchFailure) -> Void = { _, _ in }
    /// Output: process, stream (1 or 2), bytes.
    var onOutput: (UInt32, UInt8, Bytes) -> Void = { _, _, _ in }
    /// A process has ended and its output is complete.
    var onExited: (UInt32, ExitRecord) -> Void = { _, _ in }
    /// An interval of the start, on the host's clock.
    var onPhase: (PhaseCode, UInt64, UInt64) -> Void = { _, _, _ in }
    /// The answer to `listProcesses`, `guestUsage`, `limitProcesses` or `changeNetwork`, as a frame for whoever asked first.
    var onAnswer: (Frame) -> Void = { _ in }
    /// So many bytes of a process's input have been taken.
    var onInputTaken: (UInt32, Int) -> Void = { _, _ in }

    /// Launches the first process.
    func start(_ plan: LaunchPlan) {}
    /// Executes a further process.
    func execute(_ process: UInt32, _ plan: ProcessPlan) {}
    /// Feeds a process.
    func input(_ process: UInt32, _ bytes: Bytes) {}
    /// Ends a process's input once everything has been fed.
    func closeInput(_ process: UInt32) {}
    /// Sets the size of a process's terminal.
    func resize(_ process: UInt32, rows: UInt16, columns: UInt16) {}
    /// Sends a signal to a process, or to all processes of the workload.
    func signal(_ process: UInt32, number: Int32, toAll: Bool) {}
    /// Stops or goes on reading a process's output.
    func setOutputPaused(_ process: UInt32, _ paused: Bool) {}
    /// Asks for the table of processes.
    func listProcesses() {}
    /// Asks for the guest's view of its resources.
    func guestUsage() {}
    /// Changes the limit on processes of a guest's workload.
    func limitProcesses(_ limit: UInt64) {}
    /// Changes the workload's network.
    func changeNetwork(_ change: NetworkChange) {}
    /// Ends the executor's world, where it has one of its own.
    func powerOff() {}
}
