// SPDX-License-Identifier: Apache-2.0

/// What a monitor is to do; it arrives in a sealed memfd at descriptor 3.
///
/// Descriptor 4 is one end of a socket pair: the engine's first connection. Descriptor 5 is the program
/// itself, opened read-only, for the children that the monitor executes.
public struct MonitorPlan: Sendable, Equatable {
    /// Where the monitor listens for further connections: a UNIX stream socket.
    public var socketPath: Bytes = []
    /// Where the end of the first process is recorded, see `ExitRecord`; written whole and renamed into place.
    public var exitRecordPath: Bytes = []
    /// json-file log; empty keeps no log.
    public var logPath: Bytes = []
    /// Size in bytes at which the log is rotated; 0 never rotates.
    public var logMaximumSize: UInt64 = 0
    /// How many log files are kept, at least 1.
    public var logMaximumFiles: UInt32 = 1
    /// A JSON object that every entry of the log gets as its `attrs`; empty for none.
    public var logAttributes: Bytes = []
    /// UNIX socket of the guest agent's virtio-serial port; empty means that the monitor itself launches the workload.
    public var guestChannelPath: Bytes = []
    /// How long the monitor waits for the guest agent's first word, in milliseconds.
    public var guestDeadline: UInt32 = 60_000
    /// Whether standard input closes when the first attached client that feeds it leaves.
    public var standardInputOnce = false
    /// The workload.
    public var launch = LaunchPlan()

    /// An empty plan.
    public init() {}
}
