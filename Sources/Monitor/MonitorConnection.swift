// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
public import TandemModel

/// The engine's lasting connection to one workload's monitor.
///
/// One background reader turns the monitor's frames into `events`; requests may be made from any task.
public final class MonitorConnection: Sendable {
    /// Process id of the monitor on the host.
    public let monitorProcess: Int32
    /// Path of the monitor's socket, on which attachments and execs get connections of their own.
    public let socketPath: String

    init(monitorProcess: Int32, socketPath: String) {
        self.monitorProcess = monitorProcess
        self.socketPath = socketPath
    }
}
