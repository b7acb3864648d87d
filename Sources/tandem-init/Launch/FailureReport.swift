// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The pipe on which a child says how far it came; execve closes it, so that its end means success.
///
/// Record: one byte 1 and a u64 time (set-up has ended), or one byte 2 and an encoded `LaunchFailure`.
struct FailureReport {
    let descriptor: Int32

    /// Says that the set-up has ended and that execve follows.
    func ready() {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(tandem_monotonic())
        _ = writeAll(descriptor, writer.bytes)
    }

    /// Says what failed and ends the process.
    func fail(_ failure: LaunchFailure) -> Never {
        _ = writeAll(descriptor, [2] + failure.encoded())
        _exit(failure.step == .commandNotFound ? 127 : 126)
    }

    /// Says that a system call of a step failed and ends the process.
    func fail(_ step: LaunchFailure.Step, _ object: Bytes = []) -> Never {
        fail(LaunchFailure(step, errno: tandem_errno(), object: object))
    }

    /// Ends the process if the call has failed.
    func check(_ result: Int32, _ step: LaunchFailure.Step, _ object: Bytes = []) {
        if result < 0 { fail(step, object) }
    }

    /// Reads the pipe to its end in the parent.
    ///
    /// - Returns: When the set-up ended, and what failed.
    static func read(_ descriptor: Int32) -> (readyAt: UInt64, failure: LaunchFailure?) {
        let content = readAll(descriptor, limit: 65_536)
        var position = 0
        var readyAt: UInt64 = 0
        if content.count >= 9, content[0] == 1 {
            for index in 0..<8 { readyAt |= UInt64(content[1 + index]) << UInt64(8 * index) }
            position = 9
        }
        guard content.count > position else { return (readyAt, nil) }
        let record = Bytes(content[(position + 1)...])
        guard let failure = try? LaunchFailure(decoding: record) else {
            return (readyAt, LaunchFailure(.plan, errno: EPROTO))  // cut short: the child died while it wrote
        }
        return (readyAt, failure)
    }
}
