// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What is asked of a server.
struct RemoteRequest: Sendable {
    /// What goes with it.
    enum Body: Sendable {
        case bytes([UInt8])
        /// Piece after piece; the length is known beforehand or sent in chunks.
        case stream(length: UInt64?, next: @Sendable () async throws -> [UInt8]?)
    }

    var method: HTTPMethod
    var url: URL
    var headers: HTTPHeaders = [:]
    var body = Body.bytes([])

    /// For sentences, in the form of Docker's client.
    var description: String {
        let name = method.rawValue.prefix(1) + method.rawValue.dropFirst().lowercased()
        return "\(name) \"\(url.absoluteString)\""
    }
}

/// The head of an answer, and its body piece by piece.
final class RemoteResponse {
    let status: Int
    /// The words after the status.
    let reason: String
    let headers: HTTPHeaders
    let request: String
    private var inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private var isComplete = false

    init(
        head: HTTPResponseHead, request: String,
        inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    ) {
        status = Int(head.status.code)
        reason = head.status.reasonPhrase
        headers = head.headers
        self.request = request
        self.inbound = inbound
    }

    /// The next piece of the body; `nil` at its end.
    ///
    /// - Throws: `.broken` if the connection ended before.
    func next() async throws(RegistryFailure) -> ByteBuffer? {
        while !isComplete {
            let part: HTTPClientResponsePart?
            do {
                part = try await inbound.next(isolation: #isolation)
            } catch {
                throw HTTPExchange.failure(error, request)
            }
            switch part {
            case .head: continue
            case .body(let buffer): return buffer
            case .end: isComplete = true
            case nil:
                isComplete = true
                if Task.isCancelled { throw RegistryFailure(.cancelled, "context canceled") }
                throw RegistryFailure(.broken, "\(request): unexpected EOF")
            }
        }
        return nil
    }

    /// The whole body, which has to be short.
    func collect(atMost limit: Int) async throws(RegistryFailure) -> [UInt8] {
        var content: [UInt8] = []
        while let buffer = try await next() {
            guard content.count + buffer.readableBytes <= limit else {
                throw RegistryFailure(.corrupt, "\(request): the answer is longer than \(limit) bytes")
            }
            content += buffer.readableBytesView
        }
        return content
    }
}

/// One request and its answer, on a connection of its own.
struct HTTPExchange: Sendable {
    /// `nil` for plain HTTP.
    var security: NIOSSLContext?
    var idleTimeout: Duration
    /// Who passes the request on, or lends a tunnel to a server with TLS.
    var proxy: URL?

    /// Sends a request and hands the answer over; the connection ends with `receive`.
    func send<Value: Sendable>(
        _ request: RemoteRequest, _ receive: (RemoteResponse) async throws(RegistryFailure) -> Value
    ) async throws(RegistryFailure) -> Value {
        let (channel, tunnel) = try await connect(request)
        do {
            return try await channel.executeThenClose { inbound, outbound in
                try await tunnel?.get()
                var iterator = inbound.makeAsyncIterator()
                // A server may answer before it has read everything, and close; what it says, or why the connection has
                // ended, tells more than that nothing can be written any more.
                var unwritten: (any Error)?
                do {
                    try await write(request, to: outbound)
                } catch {
                    guard error is ChannelError || error is IOError else { throw error }
                    unwritten = error
                }
                while let part = try await iterator.next() {
                    guard case .head(let head) = part else { continue }
                    return try await receive(
                        RemoteResponse(head: head, request: request.description, inbound: iterator))
                }
                if Task.isCancelled { throw RegistryFailure(.cancelled, "context canceled") }
                throw unwritten ?? RegistryFailure(.broken, "\(request.description): EOF")
            }
        } catch {
            throw Self.failure(error, request.description)
        }
    }

    private func write(
        _ request: RemoteRequest, to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        var path = request.url.path(percentEncoded: true)
        if path.isEmpty { path = "/" }
        if let query = request.url.query(percentEncoded: true) { path += "?" + query }
        let isPassedOn = proxy != nil && security == nil
        if isPassedOn { path = "http://" + RepositoryClient.place(of: request.url) + path }
        var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: path, headers: request.headers)
        if isPassedOn, !proxyAuthorization.isEmpty {
            head.headers.replaceOrAdd(name: "Proxy-Authorization", value: proxyAuthorization)
        }
        head.headers.replaceOrAdd(name: "Host", value: RepositoryClient.place(of: request.url))
        head.headers.replaceOrAdd(name: "User-Agent", value: "tandem")
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        switch request.body {
        case .bytes(let bytes):
            if !bytes.isEmpty || request.method != .GET && request.method != .HEAD {
                head.headers.replaceOrAdd(name: "Content-Length", value: String(bytes.count))
            }
            var parts: [HTTPClientRequestPart] = [.head(head)]
            if !bytes.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: bytes)))) }
            parts.append(.end(nil))
            try await outbound.write(contentsOf: parts)
        case .stream(let length, let next):
            if let length {
                head.headers.replaceOrAdd(name: "Content-Length", value: String(length))
            } else {
                head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
            }
            try await outbound.write(.head(head))
            while let bytes = try await next() {
                try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
            }
            try await outbound.write(.end(nil))
        }
    }

    private var proxyAuthorization: String {
        guard let user = proxy?.user(percentEncoded: false) else { return "" }
        let words = "\(user):\(proxy?.password(percentEncoded: false) ?? "")"
        return "Basic " + Data(words.utf8).base64EncodedString()
    }

    private typealias Connection = (
        channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>, tunnel: EventLoopFuture<Void>?
    )

    private func connect(_ request: RemoteRequest) async throws(RegistryFailure) -> Connection {
        guard let host = request.url.host(percentEncoded: false), ["http", "https"].contains(request.url.scheme) else {
            throw RegistryFailure(.corrupt, "'\(RegistryFailure.clean(request.url.absoluteString))' is no address")
        }
        let port = request.url.port ?? (security == nil ? 80 : 443)
        let name = Self.name(host)
        let (nextHost, nextPort) = proxy.map { ($0.host(percentEncoded: false) ?? "", $0.port ?? 80) } ?? (host, port)
        let target = name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
        let isTunneled = proxy != nil && security != nil
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(30))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(
                    .recvAllocator,
                    value: AdaptiveRecvByteBufferAllocator(minimum: 16_384, initial: 65_536, maximum: 1 << 18)
                )
                .connect(host: Self.name(nextHost), port: nextPort) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tunnel = isTunneled ? channel.eventLoop.makePromise(of: Void.self) : nil
                        if let tunnel {
                            try channel.pipeline.syncOperations.addHandler(
                                TunnelHandler(target: target, authorization: proxyAuthorization, isOpen: tunnel))
                        }
                        return (try prepare(channel, for: name), tunnel?.futureResult)
                    }
                }
        } catch {
            if Task.isCancelled { throw RegistryFailure(.cancelled, "context canceled") }
            throw RegistryFailure(
                .unreachable,
                "\(request.description): \(proxy == nil ? "" : "proxyconnect tcp: ")dial tcp \(nextHost):\(nextPort): \(Self.reason(error))",
                hint: proxy == nil
                    ? "Is the host's name right, and can this machine reach it?"
                    : "The daemon's environment names this proxy; NO_PROXY names hosts that are reached without it.")
        }
    }

    private func prepare(
        _ channel: any Channel, for name: String
    ) throws -> NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart> {
        let operations = channel.pipeline.syncOperations
        if let security {
            try operations.addHandler(
                NIOSSLClientHandler(context: security, serverHostname: Self.isAddress(name) ? nil : name))
        }
        let idle = TimeAmount.milliseconds(Int64(idleTimeout / .milliseconds(1)))
        try operations.addHandler(IdleStateHandler(allTimeout: idle))
        try operations.addHandler(HTTPRequestEncoder())
        try operations.addHandler(ByteToMessageHandler(HTTPResponseDecoder()))
        try operations.addHandler(IdleHandler(isSecure: security != nil))
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }

    private static func name(_ host: String) -> String {
        host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    private static func isAddress(_ name: String) -> Bool {
        name.contains(":") || name.split(separator: ".").allSatisfy { UInt8($0) != nil }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
        case let error as NIOConnectionError:
            if let problem = error.connectionErrors.first {
                "connect: " + reason(problem.error)
            } else {
                "lookup \(error.host): no such host"
            }
        case let error as ChannelError:
            if case .connectTimeout = error { "i/o timeout" } else { "\(error)" }
        default: "\(error)"
        }
    }

    /// Turns whatever a channel throws into our words.
    static func failure(_ error: any Error, _ request: String) -> RegistryFailure {
        switch error {
        case let failure as RegistryFailure: return failure
        case is CancellationError: return RegistryFailure(.cancelled, "context canceled")
        case let error as TunnelHandler.Refusal:
            return RegistryFailure(
                .unreachable, "\(request): proxyconnect tcp: \(error.reason)",
                hint: "The daemon's environment names this proxy; NO_PROXY names hosts that are reached without it.")
        case let error as IdleHandler.HandshakeFailure:
            return RegistryFailure(.insecure, "\(request): \(error.reason)")
        case is IdleHandler.Timeout: return RegistryFailure(.broken, "\(request): i/o timeout")
        case let error as NIOSSLError:
            return RegistryFailure(
                .insecure, "\(request): x509: \(describe(error))",
                hint:
                    "Put the registry's authority into /etc/docker/certs.d/HOST/ca.crt, or name it by --insecure-registry."
            )
        case is NIOSSLExtraError:
            return RegistryFailure(
                .insecure, "\(request): x509: the certificate is not for this host",
                hint: "Use the name that the certificate was made for.")
        case let error as BoringSSLError:
            return RegistryFailure(.insecure, "\(request): tls: \(error)")
        case HTTPParserError.invalidEOFState: return RegistryFailure(.broken, "\(request): unexpected EOF")
        case is HTTPParserError:
            return RegistryFailure(.corrupt, "\(request): malformed HTTP response")
        default:
            if Task.isCancelled { return RegistryFailure(.cancelled, "context canceled") }
            return RegistryFailure(.broken, "\(request): \(reason(error))")
        }
    }

    private static func describe(_ error: NIOSSLError) -> String {
        let text = "\(error)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "certificate signed by unknown authority" }
        return text
    }
}
