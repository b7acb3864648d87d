// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What the other side of a connection has not read yet.
enum UnreadBytes {
    /// `struct sk_meminfo` of linux/sock_diag.h as SO_MEMINFO gives it.
    private struct Memory: Sendable {
        var receiveAllocated: UInt32 = 0
        var receiveBuffer: UInt32 = 0
        var sendAllocated: UInt32 = 0
        var sendBuffer: UInt32 = 0
        var forwardAllocated: UInt32 = 0
        var sendQueued: UInt32 = 0
        var optional: UInt32 = 0
        var backlog: UInt32 = 0
        var drops: UInt32 = 0
    }

    private static let option = NIOBSDSocket.Option(rawValue: 55)  // SO_MEMINFO

    /// Waits until the client has read everything that was sent, at most a twentieth of a second.
    ///
    /// docker-py reads the head of a response through a buffer that it then throws away: what follows the head must not come
    /// with it. With dockerd it never does, because a process needs so long to start there.
    static func settle(on channel: any Channel) async {
        guard let provider = channel as? any SocketOptionProvider else { return }
        for _ in 0..<100 {
            // A connection that is gone has nothing unread.
            let memory: Memory? = try? await provider.unsafeGetSocketOption(level: .socket, name: option).get()
            guard let memory, memory.sendAllocated > 0 else { return }
            // Cancelled with the connection.
            try? await Task.sleep(for: .microseconds(500))
        }
    }
}
