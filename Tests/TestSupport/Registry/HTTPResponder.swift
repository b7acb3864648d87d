// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A web server of a test's own, which may answer anything.
public final class HTTPResponder: Sendable {
    /// The head of a request.
    public struct Request: Sendable {
        /// For example `GET`.
        public var method: String
        /// With the query.
        public var path: String
        /// By names in lower case.
        public var headers: [String: String]
    }

    private let server: LoopbackServer
    private let seen: Seen

    private final class Seen: Sendable { let requests = Mutex<[Request]>([]) }

    /// Answers by `respond`, which writes whatever it likes to the connection; every request has one of its own.
    public init(_ respond: @escaping @Sendable (Request, Int32) -> Void) throws {
        let seen = Seen()
        self.seen = seen
        server = try LoopbackServer { connection in
            guard let request = Self.read(connection) else { return }
            seen.requests.withLock { $0.append(request) }
            respond(request, connection)
        }
    }

    /// `127.0.0.1:port`.
    public var address: String { server.address }

    /// Every request until now.
    public var requests: [Request] { seen.requests.withLock { $0 } }

    /// Takes no more connections.
    public func stop() { server.stop() }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard Glibc.read(connection, &byte, 1) == 1, bytes.count < 65_536 else { return nil }
            bytes.append(byte)
            // A handshake of TLS is no request.
            if bytes[0] == 0x16 { return nil }
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1] }
        }
        return Request(method: words[0], path: words[1], headers: headers)
    }

    /// Reads a body in pieces to its end, so that the answer is not lost with what nobody has read.
    public static func drain(_ connection: Int32) {
        var last: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !last.elementsEqual(Array("0\r\n\r\n".utf8)) {
            let count = Glibc.read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            last = Array((last + buffer[..<count]).suffix(5))
        }
    }

    /// Writes a whole answer.
    public static func answer(
        _ connection: Int32, _ status: String = "200 OK", headers: [String: String] = [:], body: [UInt8] = []
    ) {
        var head = "HTTP/1.1 \(status)\r\n"
        var all = ["Content-Length": String(body.count), "Connection": "close"]
        all.merge(headers) { $1 }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
        _ = LoopbackServer.send(Array((head + "\r\n").utf8) + body, to: connection)
    }
}
