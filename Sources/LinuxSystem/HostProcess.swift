// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A process of the host, held by its id only while that is known to be safe.
public struct HostProcess: Sendable {
    /// The process id.
    public let id: Int32

    /// Wraps a process id.
    public init(_ id: Int32) { self.id = id }

    /// Whether it exists, a zombie included.
    public var exists: Bool { kill(id, 0) == 0 || errno == EPERM }

    /// Reaps it whenever it ends, if it is a child of this process; otherwise its own parent does.
    public func collect() {
        let id = id
        ChildReaper.collect(id)
    }

    /// Waits for its end and kills it if that does not come in time.
    ///
    /// Blocks. The id is held by a pidfd, so that no later process of the same id is hit.
    public func endBlocking(graceMilliseconds: Int32) {
        let descriptor = tandem_pidfd_open(id)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if graceMilliseconds > 0, poll(&request, 1, graceMilliseconds) > 0 { return }
        _ = tandem_pidfd_send_signal(descriptor, SIGKILL)
        _ = poll(&request, 1, 5_000)
    }
}
