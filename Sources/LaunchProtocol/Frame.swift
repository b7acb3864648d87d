// SPDX-License-Identifier: Apache-2.0

/// One message between engine and monitor, and between monitor and guest agent.
///
/// On the wire: payload length (little-endian u32), type (u8), three zero bytes, process (little-endian u32), payload.
/// Process 0 is the workload's first one; an `exec` gets the next number from the monitor's side of the connection.
/// A payload is at most `maximumPayload` bytes.
public struct Frame: Sendable, Equatable {
    /// The longest payload.
    public static let maximumPayload = 1 << 20
    /// Bytes before the payload.
    public static let headerSize = 12

    /// What a frame says.
    public enum Kind: UInt8, Sendable {
        // Engine → monitor, monitor → agent.
        /// Launch the first process. Payload towards an agent: the `LaunchPlan`; towards a monitor: none.
        case start = 1
        /// Execute a further process. Payload: a `ProcessPlan`. The connection it came by is attached to it.
        case execute = 2
        /// Receive output of `process`, and feed its input. Payload: `AttachFlags`.
        case attach = 3
        /// Bytes for standard input.
        case input = 4
        /// End-of-file on standard input.
        case closeInput = 5
        /// Payload: rows u16, columns u16.
        case resize = 6
        /// Payload: signal number u32, target u8 (0 the process, 1 every process of the workload).
        case signal = 7
        /// Asks for the workload's processes.
        case listProcesses = 8
        /// Asks for the guest's own view of its resources.
        case guestUsage = 9
        /// Ends a guest in order: sync, unmount, power off. A monitor without a guest answers nothing and ends.
        case powerOff = 10
        /// Monitor ↔ agent only: the receiver has consumed so many bytes (u32) of the stream in payload byte 4.
        case credit = 11
        /// Monitor → agent: answer with `pong` and the same payload; used to map clocks.
        case ping = 12
        /// Let the workload's group in a guest hold at most so many processes and threads (u64; 0 is no limit).
        /// Answered by `done` or `refused`.
        case limitProcesses = 13
        /// Change the network of the workload. Payload: a `NetworkChange`. Answered by `done` or `refused`: by ENODEV while
        /// one of its interfaces is not there, which a guest's kernel may find in a moment.
        case changeNetwork = 14

        // Monitor → engine, agent → monitor.
        /// First frame of a monitor or agent. Payload: protocol version u32, CLOCK_MONOTONIC u64 at its first
        /// instruction, CLOCK_MONOTONIC u64 now.
        case hello = 32
        /// Payload: phase code u8, start u64, end u64, in nanoseconds of the sender's CLOCK_MONOTONIC.
        case phase = 33
        /// execve has succeeded. Payload: pid u32 as the executor sees it.
        case started = 34
        /// The process could not be launched. Payload: a `LaunchFailure`.
        case failed = 35
        /// Payload: stream u8 (1 stdout, 2 stderr), then bytes.
        case output = 36
        /// The process has ended and all its output has been sent. Payload: an `ExitRecord`.
        case exited = 37
        /// Answer to `listProcesses`. Payload: a `ProcessTable`.
        case processes = 38
        /// Answer to `guestUsage`. Payload: a `GuestUsage`.
        case usage = 39
        /// Answer to `ping`: the same payload, then CLOCK_MONOTONIC u64.
        case pong = 40
        /// `attach` has been accepted: every later byte of output will be seen. Payload: whether the workload's start has
        /// been asked for, u8.
        case attached = 41
        /// A request could not be carried out. Payload: a `LaunchFailure`.
        case refused = 42
        /// A request without a result of its own has been carried out.
        case done = 43
    }

    /// What the frame says.
    public var kind: Kind
    /// The process that it is about.
    public var process: UInt32
    /// See `Kind`.
    public var payload: Bytes

    /// Makes a frame.
    public init(_ kind: Kind, process: UInt32 = 0, payload: Bytes = []) {
        self.kind = kind
        self.process = process
        self.payload = payload
    }
}

/// What an attached connection wants.
public struct AttachFlags: OptionSet, Sendable, Equatable {
    /// One byte on the wire.
    public let rawValue: UInt8
    /// Wraps the byte.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Feed standard input.
    public static let input = AttachFlags(rawValue: 1)
    /// Receive standard output.
    public static let output = AttachFlags(rawValue: 2)
    /// Receive standard error.
    public static let errors = AttachFlags(rawValue: 4)
}
