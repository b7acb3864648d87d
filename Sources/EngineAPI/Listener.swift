// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL
public import SystemPackage
public import TandemModel

/// Where the API can be reached.
public enum Listener: Sendable {
    /// A UNIX socket.
    case socket(FilePath)
    /// A TCP port; without security, whoever reaches it is root on this host.
    case tcp(host: String, port: Int, security: TransportSecurity?)

    /// Reads Docker's form, `unix:///path` or `tcp://host:port`.
    ///
    /// - Parameters:
    ///   - text: The address.
    ///   - security: What every TCP port gets.
    ///   - allowsInsecure: Whether a TCP port may go without it.
    /// - Throws: `.invalidArgument` for any other form, or for a TCP port that would be open to anybody.
    public init(parsing text: String, security: TransportSecurity?, allowsInsecure: Bool) throws(EngineError) {
        if text.hasPrefix("unix://") {
            self = .socket(FilePath(String(text.dropFirst(7))))
            return
        }
        guard text.hasPrefix("tcp://") else {
            throw EngineError(
                .invalidArgument, "'\(text)' is nothing to listen on",
                hint: "Give unix:///path/of/socket or tcp://address:port.")
        }
        guard security != nil || allowsInsecure else {
            throw EngineError(
                .invalidArgument, "'\(text)' without TLS would make everyone who reaches it root on this host",
                hint: "Add --tlscacert, --tlscert and --tlskey; or --insecure-tcp, if nobody else can reach it.")
        }
        let address = text.dropFirst(6).prefix { $0 != "/" }
        guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]) else {
            throw EngineError(
                .invalidArgument, "'\(text)' has no port", hint: "For example tcp://127.0.0.1:2376.")
        }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        self = .tcp(host: host.isEmpty ? "0.0.0.0" : String(host), port: Int(port), security: security)
    }

    /// As it is logged and named in errors.
    var description: String {
        switch self {
        case .socket(let path): path.string
        case .tcp(let host, let port, let security): "tcp://\(host):\(port)\(security == nil ? " without TLS" : "")"
        }
    }

    typealias Server = NIOAsyncChannel<NIOAsyncChannel<InboundPart, OutboundPart>, Never>

    func bind() async throws -> Server {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1_024)
        switch self {
        case .socket(let path):
            return try await bootstrap.bind(unixDomainSocketPath: path.string, cleanupExistingSocketFile: true) {
                Self.configure($0, security: nil)
            }
        case .tcp(let host, let port, let security):
            return try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(host: host, port: port) { Self.configure($0, security: security) }
        }
    }

    private static func configure(
        _ channel: any Channel, security: TransportSecurity?
    ) -> EventLoopFuture<NIOAsyncChannel<InboundPart, OutboundPart>> {
        channel.eventLoop.makeCompletedFuture {
            if let security {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security.context))
            }
            try ConnectionPipeline.configure(channel)
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }
}
