// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// One connection, used by one task alone.
final class ClientConnection {
    private let channel: any Channel
    private var inbound: NIOAsyncChannelInboundStream<InboundPart>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<OutboundPart>

    init(
        channel: any Channel, inbound: NIOAsyncChannelInboundStream<InboundPart>,
        outbound: NIOAsyncChannelOutboundWriter<OutboundPart>
    ) {
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    static func lost(_ error: any Error) -> ClientError {
        ClientError(
            status: 0, message: "the connection to the daemon was lost",
            hint: "The daemon's log may say why. Containers go on without it.", code: "unavailable")
    }

    // MARK: Request

    /// `length` of `nil` sends the body in chunks.
    func sendHead(
        _ method: String, _ uri: String, type: String?, length: Int?, upgrade: Bool = false,
        headers: [(String, String)] = []
    ) async throws(ClientError) {
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: uri)
        head.headers.add(name: "Host", value: "tandem")
        head.headers.add(name: "User-Agent", value: "tandem/\(APIVersion.product)")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if let type { head.headers.add(name: "Content-Type", value: type) }
        if let length {
            head.headers.add(name: "Content-Length", value: String(length))
        } else {
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
        }
        if upgrade {
            head.headers.add(name: "Connection", value: "Upgrade")
            head.headers.add(name: "Upgrade", value: "tcp")
        }
        try await write(.request(.head(head)))
    }

    func send(body: [UInt8]) async throws(ClientError) {
        try await write(.request(.body(.byteBuffer(ByteBuffer(bytes: body)))))
    }

    func sendEnd() async throws(ClientError) { try await write(.request(.end(nil))) }

    fileprivate func write(_ part: OutboundPart) async throws(ClientError) {
        do {
            try await outbound.write(part)
        } catch {
            throw Self.lost(error)
        }
    }

    // MARK: Response

    fileprivate func next() async throws(ClientError) -> InboundPart? {
        do {
            return try await inbound.next(isolation: #isolation)
        } catch {
            throw Self.lost(error)
        }
    }

    /// The head of the answer.
    ///
    /// - Throws: What the daemon has to say if the status is 400 or above.
    func response() async throws(ClientError) -> ResponseStream {
        guard case .response(.head(let head))? = try await next() else { throw Self.lost(ChannelError.eof) }
        let stream = ResponseStream(
            status: Int(head.status.code),
            headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
            connection: self)
        guard stream.status >= 400 else { return stream }
        throw Self.failure(try await stream.collected())
    }

    private static func failure(_ response: TandemClient.Response) -> ClientError {
        let document = response.json
        let text = String(decoding: response.body.prefix(500), as: UTF8.self)
        return ClientError(
            status: response.status,
            message: document["message"].string ?? (text.isEmpty ? "HTTP status \(response.status)" : text),
            hint: document["hint"].string, code: response.headers["tandem-error-code"] ?? "internal")
    }

    /// Reads the head of the answer to an upgrade, and turns the connection into a stream.
    func takeOver() async throws(ClientError) -> HijackedConnection {
        guard case .response(.head(let head))? = try await next() else { throw Self.lost(ChannelError.eof) }
        guard head.status == .switchingProtocols else {
            let stream = ResponseStream(
                status: Int(head.status.code),
                headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
                connection: self)
            throw Self.failure(try await stream.collected())
        }
        return HijackedConnection(
            connection: self, sender: HijackedConnection.Sender(channel: channel, outbound: outbound))
    }
}

/// An answer that is read piece by piece.
public final class ResponseStream {
    /// HTTP status.
    public let status: Int
    /// The headers, with names in lower case.
    public let headers: [String: String]
    private let connection: ClientConnection

    init(status: Int, headers: [String: String], connection: ClientConnection) {
        self.status = status
        self.headers = headers
        self.connection = connection
    }

    /// The next piece of the body; `nil` at its end.
    public func next() async throws(ClientError) -> [UInt8]? {
        switch try await connection.next() {
        case .response(.body(let buffer)): return Array(buffer.readableBytesView)
        case .response(.end): return nil
        case .response(.head): return []
        case .bytes, nil: throw ClientConnection.lost(ChannelError.eof)
        }
    }

    func collected() async throws(ClientError) -> TandemClient.Response {
        var body: [UInt8] = []
        while let bytes = try await next() { body += bytes }
        return TandemClient.Response(status: status, headers: headers, body: body)
    }
}

/// A stream in both directions, to and from a process.
public final class HijackedConnection {
    /// The half that sends; may be used beside the half that receives.
    public struct Sender: Sendable {
        let channel: any Channel
        let outbound: NIOAsyncChannelOutboundWriter<OutboundPart>

        /// Sends bytes.
        public func send(_ bytes: [UInt8]) async throws(ClientError) {
            do {
                try await outbound.write(.bytes(ByteBuffer(bytes: bytes)))
            } catch {
                throw ClientConnection.lost(error)
            }
        }

        /// Ends our direction.
        public func finish() { outbound.finish() }

        /// Ends the connection.
        public func close() { channel.close(promise: nil) }
    }

    private let connection: ClientConnection
    /// The half that sends.
    public let sender: Sender

    init(connection: ClientConnection, sender: Sender) {
        self.connection = connection
        self.sender = sender
    }

    /// The next bytes; `nil` when the other side has ended.
    public func next() async throws(ClientError) -> [UInt8]? {
        while true {
            switch try await connection.next() {
            case .bytes(let buffer): return Array(buffer.readableBytesView)
            // The end of the head's own message.
            case .response: continue
            case nil: return nil
            }
        }
    }
}
