// SPDX-License-Identifier: Apache-2.0

import APIModel
import Logging
import NIOCore
import NIOHTTP1
import TandemModel

/// One connection, used by its own task alone: requests come in, responses go out, or it is taken over.
final class Connection {
    private let channel: any Channel
    private var inbound: InboundIterator
    private let outbound: NIOAsyncChannelOutboundWriter<OutboundPart>
    /// Whether the present response's head has been sent.
    private(set) var hasResponded = false
    /// Whether it no longer speaks HTTP.
    private(set) var isTakenOver = false
    private var keepsAlive = true
    private var isChunked = false

    init(
        channel: any Channel, inbound: NIOAsyncChannelInboundStream<InboundPart>,
        outbound: NIOAsyncChannelOutboundWriter<OutboundPart>
    ) {
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// The next part; `nil` when the other side has closed.
    func next() async throws(EngineError) -> InboundPart? {
        do {
            return try await inbound.next(isolation: #isolation)
        } catch {
            throw EngineError(.unavailable, "the client has gone", cause: error)
        }
    }

    /// The next request; `nil` when there will be none.
    func nextRequest() async throws(EngineError) -> Request? {
        while let part = try await next() {
            guard case .request(.head(let head)) = part else { continue }
            hasResponded = false
            keepsAlive = head.isKeepAlive
            return Request(head, connection: self)
        }
        return nil
    }

    // MARK: Responses

    /// Sends a whole response.
    func respond(
        _ status: HTTPResponseStatus, _ body: [UInt8] = [], type: String = "application/json",
        headers: [(String, String)] = []
    )
        async throws(EngineError)
    {
        var head = head(status, headers)
        if !body.isEmpty { head.headers.replaceOrAdd(name: "Content-Type", value: type) }
        if status != .noContent && status != .notModified {
            head.headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
        }
        var parts: [OutboundPart] = [.response(.head(head))]
        if !body.isEmpty { parts.append(.response(.body(.byteBuffer(ByteBuffer(bytes: body))))) }
        parts.append(.response(.end(nil)))
        try await write(parts)
    }

    /// Sends a JSON document.
    func respond(_ document: JSONValue, _ status: HTTPResponseStatus = .ok) async throws(EngineError) {
        try await respond(status, document.encoded() + [0x0A])
    }

    /// Begins a response of unknown length.
    func begin(_ status: HTTPResponseStatus = .ok, type: String, headers: [(String, String)] = [])
        async throws(EngineError)
    {
        var head = head(status, headers)
        head.headers.replaceOrAdd(name: "Content-Type", value: type)
        head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
        isChunked = true
        try await write([.response(.head(head))])
    }

    /// Sends a piece of a response.
    func send(_ bytes: [UInt8]) async throws(EngineError) {
        guard !bytes.isEmpty else { return }
        try await write([
            isTakenOver ? .bytes(ByteBuffer(bytes: bytes)) : .response(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
        ])
    }

    /// Ends a response of unknown length.
    func end() async throws(EngineError) { try await write([.response(.end(nil))]) }

    private func head(_ status: HTTPResponseStatus, _ headers: [(String, String)]) -> HTTPResponseHead {
        hasResponded = true
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers.add(name: "Api-Version", value: APIVersion.newest)
        head.headers.add(name: "Docker-Experimental", value: "false")
        head.headers.add(name: "Ostype", value: "linux")
        head.headers.add(name: "Server", value: "Tandem/\(APIVersion.product) (linux)")
        for (name, value) in headers { head.headers.replaceOrAdd(name: name, value: value) }
        if !keepsAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        return head
    }

    private func write(_ parts: [OutboundPart]) async throws(EngineError) {
        do {
            try await outbound.write(contentsOf: parts)
        } catch {
            throw EngineError(.unavailable, "the client has gone", cause: error)
        }
    }

    /// Whether another request may follow on this connection.
    var mayContinue: Bool { keepsAlive && !isTakenOver }

    // MARK: Taking over

    /// Turns the connection into a plain stream in both directions, as `attach` and `exec` need it.
    ///
    /// A client that asks for an upgrade gets 101, an older one 200. `settles` waits until it has read that.
    func takeOver(for request: Request, type: String, settles: Bool = false) async throws(EngineError) {
        let isUpgrade = request.headers["Upgrade"].contains { $0.lowercased() == "tcp" }
        let head =
            isUpgrade
            ? "HTTP/1.1 101 UPGRADED\r\nContent-Type: \(type)\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            : "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\r\n"
        try await takeOver(for: request, head: head, isWebSocket: false)
        if settles { await UnreadBytes.settle(on: channel) }
    }

    /// Turns the connection into a WebSocket, whose messages are pieces of a stream in both directions.
    func takeOverAsWebSocket(for request: Request) async throws(EngineError) {
        guard let head = WebSocketHandshake.answer(to: request) else {
            throw EngineError(
                .invalidArgument, "the request asks for no WebSocket of version 13",
                hint: "Use POST …/attach for a plain connection.")
        }
        try await takeOver(for: request, head: head, isWebSocket: true)
    }

    private func takeOver(for request: Request, head: String, isWebSocket: Bool) async throws(EngineError) {
        try await request.skipBody()
        do {
            try await ConnectionPipeline.takeOver(channel, head: head, isWebSocket: isWebSocket)
        } catch {
            throw EngineError(.unavailable, "the client has gone", cause: error)
        }
        hasResponded = true
        isTakenOver = true
    }

    /// The next bytes of a stream; `nil` when the other side has ended its direction.
    func nextBytes() async throws(EngineError) -> [UInt8]? {
        while let part = try await next() {
            if case .bytes(let buffer) = part { return Array(buffer.readableBytesView) }
        }
        return nil
    }

    /// Sends only, for use beside a reader.
    var sender: ByteSender { ByteSender(channel: channel, outbound: outbound) }
}

/// Sends bytes on a connection that has been taken over.
struct ByteSender: Sendable {
    fileprivate let channel: any Channel
    fileprivate let outbound: NIOAsyncChannelOutboundWriter<OutboundPart>

    func send(_ bytes: [UInt8]) async throws(EngineError) {
        do {
            try await outbound.write(.bytes(ByteBuffer(bytes: bytes)))
        } catch {
            throw EngineError(.unavailable, "the client has gone", cause: error)
        }
    }

    /// Ends our direction, and the whole connection if the client does not end its own.
    func finishAndClose() async {
        outbound.finish()
        await withTaskGroup(of: Void.self) { group in
            // Closed already is as good.
            group.addTask { try? await channel.closeFuture.get() }
            group.addTask {
                // Cancelled when the client was quicker.
                try? await Task.sleep(for: .seconds(2))
                channel.close(promise: nil)
            }
            await group.next()
            group.cancelAll()
        }
    }
}
