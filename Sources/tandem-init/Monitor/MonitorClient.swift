// SPDX-License-Identifier: Apache-2.0

/// One connection to the monitor: the engine's, an attached client's, or an `exec`'s.
final class MonitorClient {
    let channel: FrameChannel
    /// The process that it is attached to; `nil` until it has said so.
    var process: UInt32?
    var flags: AttachFlags = []
    /// Whether it hears about the first process's start, phases and end.
    var isControl = false
    /// Bytes of input that the runner has not taken yet, because of which it is not read any further.
    var pendingInput = 0

    init(_ channel: FrameChannel) { self.channel = channel }

    /// Breaks the cycle between the channel and its callbacks; Embedded Swift has no weak references.
    func forgetCallbacks() {
        channel.onFrame = { _ in }
        channel.onClose = {}
        channel.onDrained = {}
    }

    func wants(process number: UInt32, stream: UInt8) -> Bool {
        process == number && flags.contains(stream == 2 ? .errors : .output)
    }
}
