// SPDX-License-Identifier: Apache-2.0

import Glibc
import LaunchProtocol
import Synchronization
import Testing

@testable import Monitor

@Suite("Sockets of frames")
struct FrameSocketTests {
    private final class Seen: Sendable {
        private let state = Mutex((frames: 0, isClosed: false))
        var frames: Int { state.withLock { $0.frames } }
        var isClosed: Bool { state.withLock { $0.isClosed } }
        func add() { state.withLock { $0.frames += 1 } }
        func close() { state.withLock { $0.isClosed = true } }
    }

    /// The other end of a connection, which has sent frames and is gone.
    private func connection(frames: Int) throws -> Int32 {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        var size: Int32 = 1 << 20
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        let bytes = (0..<frames).flatMap { _ in Frame(.output, payload: Bytes(repeating: 1, count: 1_000)).encoded() }
        try #require(write(pair[1], bytes, bytes.count) == bytes.count)
        close(pair[1])
        return pair[0]
    }

    @Test("what was sent before a hang-up arrives, and then its end", arguments: [1, 100])
    func hangUp(frames: Int) async throws {
        let socket = FrameSocket(try connection(frames: frames))
        let seen = Seen()
        socket.open(onFrame: { _ in seen.add() }, onClosed: { seen.close() })
        for _ in 0..<500 where !seen.isClosed { try await Task.sleep(for: .milliseconds(10)) }
        #expect(seen.frames == frames)
        #expect(seen.isClosed)
    }

    @Test("so it does where reading paused meanwhile")
    func hangUpWhilePaused() async throws {
        let socket = FrameSocket(try connection(frames: 100))
        let seen = Seen()
        socket.open(
            onFrame: { _ in
                seen.add()
                if seen.frames == 1 { socket.setPaused(true) }
            }, onClosed: { seen.close() })
        for _ in 0..<500 where seen.frames == 0 { try await Task.sleep(for: .milliseconds(10)) }
        try await Task.sleep(for: .milliseconds(100))
        #expect(!seen.isClosed)
        socket.setPaused(false)
        for _ in 0..<500 where !seen.isClosed { try await Task.sleep(for: .milliseconds(10)) }
        #expect(seen.frames == 100)
        #expect(seen.isClosed)
    }
}
