// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// Stands between a client and a server, and does to the server's answers what networks do.
public final class FaultyProxy: Sendable {
    /// What goes wrong.
    public struct Faults: Sendable {
        /// Bytes of answers after which a connection is cut; `nil` for never.
        public var cutsAfter: Int?
        /// Byte of a connection's answers that is changed; `nil` for none.
        public var corruptsAt: Int?
        /// Connections to which that happens; afterwards all is well.
        public var connections = Int.max
        /// Bytes a second; `nil` for as many as there are.
        public var rate: Int?

        /// Nothing goes wrong.
        public init() {}
    }

    private struct State {
        var faults = Faults()
        var answered = 0
        var connections = 0
        var heads: [String] = []
    }

    private final class Box: Sendable { let state = Mutex(State()) }

    private let box = Box()
    private let server: LoopbackServer

    /// Stands before a port of this machine.
    public init(before port: Int) throws {
        let box = box
        server = try LoopbackServer { client in
            let target = LoopbackServer.connect(to: port)
            guard target >= 0 else { return }
            Self.relay(client, target, box)
            close(target)
        }
    }

    /// `127.0.0.1:port`.
    public var address: String { server.address }

    /// Changes what goes wrong from the next connection on, and forgets what was seen.
    public func set(_ change: (inout Faults) -> Void) {
        box.state.withLock { state in
            state.faults = Faults()
            change(&state.faults)
            state.answered = 0
            state.connections = 0
            state.heads = []
        }
    }

    /// Bytes of answers since then.
    public var answered: Int { box.state.withLock { $0.answered } }

    /// The first lines of requests since then, in the order of their connections, with a `Range` where there was one.
    public var requests: [String] { box.state.withLock { $0.heads } }

    /// Takes no more connections.
    public func stop() { server.stop() }

    private static func relay(_ client: Int32, _ target: Int32, _ box: Box) {
        let (faults, isFaulty) = box.state.withLock { state in
            state.connections += 1
            return (state.faults, state.connections <= state.faults.connections)
        }
        Thread.detachNewThread { [client = dup(client), target = dup(target)] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            var isFirst = true
            while true {
                let count = read(client, &buffer, buffer.count)
                guard count > 0, LoopbackServer.send(buffer[..<count], to: target) else { break }
                if isFirst {
                    let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\r\n")
                    let range = lines.first { $0.lowercased().hasPrefix("range:") }
                    let head = [lines.first, range].compactMap { $0.map(String.init) }.joined(separator: " ")
                    box.state.withLock { $0.heads.append(head) }
                    isFirst = false
                }
            }
            shutdown(target, Int32(SHUT_WR))
            close(client)
            close(target)
        }
        var buffer = [UInt8](repeating: 0, count: faults.rate.map { max(1, min(65_536, $0 / 20)) } ?? 65_536)
        var passed = 0
        while true {
            var count = read(target, &buffer, buffer.count)
            guard count > 0 else { break }
            if isFaulty, let place = faults.corruptsAt, (passed..<(passed + count)).contains(place) {
                buffer[place - passed] ^= 0x55
            }
            let isLast = isFaulty && faults.cutsAfter.map { passed + count >= $0 } ?? false
            if isLast, let end = faults.cutsAfter { count = max(0, end - passed) }
            guard LoopbackServer.send(buffer[..<count], to: client) else { break }
            passed += count
            box.state.withLock { $0.answered += count }
            if isLast { break }
            if faults.rate != nil { usleep(50_000) }
        }
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }
}
