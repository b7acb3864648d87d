// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// Waits for the first byte of a guest's agent on its socket.
enum AgentWait {
    /// What came of it.
    enum Outcome: Sendable {
        case answered
        case closed
        case silent
    }

    /// Blocks until the agent has spoken, QEMU has closed the socket, or the deadline (monotonic nanoseconds) has passed.
    static func firstByte(socket path: FilePath, deadline: UInt64) -> Outcome {
        let descriptor = tandem_unix_socket(0)
        guard descriptor >= 0 else { return .closed }
        defer { close(descriptor) }
        while tandem_unix_connect(descriptor, path.string) != 0 {
            guard tandem_monotonic() < deadline else { return .silent }
            usleep(2000)
        }
        while true {
            let now = tandem_monotonic()
            guard now < deadline else { return .silent }
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&request, 1, Int32((deadline - now) / 1_000_000 + 1))
            if ready == 0 { return .silent }
            if ready < 0 { continue }
            var byte: UInt8 = 0
            return read(descriptor, &byte, 1) == 1 ? .answered : .closed
        }
    }
}
