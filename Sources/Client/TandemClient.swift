// SPDX-License-Identifier: Apache-2.0

public import APIModel
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import TandemModel

/// Speaks to a daemon over its UNIX socket: a connection for each request.
///
/// The daemon may also be dockerd or another that speaks its API.
public struct TandemClient: Sendable {
    /// Path of the socket.
    public let socketPath: String
    /// The version of the API that is spoken.
    public let version: String

    /// One thread is plenty, and starts faster than one for each processor.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Remembers where the daemon listens; connects to nothing yet.
    public init(socketPath: String, version: String = APIVersion.newest) {
        self.socketPath = socketPath
        self.version = version
    }

    /// Makes ready what the first request will need; never needed, and worth it only where there is something else to do.
    public static func prepare() { _ = group }

    /// The answer to a request.
    public struct Response: Sendable {
        /// HTTP status.
        public let status: Int
        /// The headers, with names in lower case.
        public let headers: [String: String]
        /// The body.
        public let body: [UInt8]

        /// The body as JSON; `.null` if it is none.
        public var json: JSONValue { JSONValue(parsing: Data(body)) ?? .null }
    }

    // MARK: Whole requests

    /// Sends a request and gives its whole answer.
    ///
    /// - Throws: What the daemon answered with a status of 400 or above, or that it cannot be reached.
    @discardableResult
    public func request(
        _ method: String, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil
    ) async throws(ClientError) -> Response {
        try await stream(method, path, query: query, body: body) { (response) throws(ClientError) in
            var content: [UInt8] = []
            while let bytes = try await response.next() { content += bytes }
            return Response(status: response.status, headers: response.headers, body: content)
        }
    }

    /// Sends a request and hands its answer over piece by piece.
    public func stream<Value: Sendable>(
        _ method: String, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil,
        headers: [(String, String)] = [],
        _ receive: (ResponseStream) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let content = body?.encoded() ?? []
        return try await connected { connection throws(ClientError) in
            try await connection.sendHead(
                method, uri(path, query), type: body == nil ? nil : "application/json", length: content.count,
                headers: headers)
            if !content.isEmpty { try await connection.send(body: content) }
            try await connection.sendEnd()
            return try await receive(try await connection.response())
        }
    }

    /// Sends a request whose body comes piece by piece; `next` gives `nil` at its end.
    public func upload(
        _ method: String, _ path: String, query: [(String, String)] = [], type: String = "application/x-tar",
        _ next: () async throws -> [UInt8]?
    ) async throws(ClientError) -> Response {
        try await upload(method, path, query: query, type: type, next) { (response) throws(ClientError) in
            try await response.collected()
        }
    }

    /// The same, and hands the answer over piece by piece.
    public func upload<Value: Sendable>(
        _ method: String, _ path: String, query: [(String, String)] = [], type: String = "application/x-tar",
        _ next: () async throws -> [UInt8]?, receive: (ResponseStream) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        try await connected { connection throws(ClientError) in
            try await connection.sendHead(method, uri(path, query), type: type, length: nil)
            do {
                while let bytes = try await next() { try await connection.send(body: bytes) }
                try await connection.sendEnd()
            } catch let error as ClientError {
                // The daemon may have answered before it has read everything.
                if let early = try? await connection.response() { return try await receive(early) }
                throw error
            } catch {
                throw ClientError(status: 0, message: "\(error)", code: "invalid_argument")
            }
            return try await receive(try await connection.response())
        }
    }

    /// Sends a request that turns the connection into a stream in both directions.
    public func hijack<Value: Sendable>(
        _ path: String, query: [(String, String)] = [], body: JSONValue? = nil,
        _ use: (HijackedConnection) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let content = body?.encoded() ?? []
        return try await connected(upgrades: true) { connection throws(ClientError) in
            try await connection.sendHead(
                "POST", uri(path, query), type: body == nil ? nil : "application/json", length: content.count,
                upgrade: true)
            if !content.isEmpty { try await connection.send(body: content) }
            try await connection.sendEnd()
            return try await use(try await connection.takeOver())
        }
    }

    private func connected<Value: Sendable>(
        upgrades: Bool = false, _ body: (ClientConnection) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let channel: NIOAsyncChannel<InboundPart, OutboundPart>
        do {
            channel = try await ClientBootstrap(group: Self.group)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .connect(unixDomainSocketPath: socketPath) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try ConnectionPipeline.configure(channel, upgrades: upgrades)
                        return try NIOAsyncChannel(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true))
                    }
                }
        } catch let error as IOError where error.errnoCode == EACCES {
            throw ClientError(
                status: 0,
                message:
                    "permission denied while trying to connect to the Tandem daemon socket at unix://\(socketPath)",
                hint: "Run it as root, or join the group 'tandem'.", code: "permission_denied")
        } catch {
            throw ClientError(
                status: 0, message: "Cannot connect to the Tandem daemon at unix://\(socketPath). Is tandemd running?",
                hint: "Start it with `tandemd`, or set TANDEM_HOST.", code: "unavailable")
        }
        do {
            return try await channel.executeThenClose { inbound, outbound in
                try await body(ClientConnection(channel: channel.channel, inbound: inbound, outbound: outbound))
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientConnection.lost(error)
        }
    }

    // MARK: Addresses

    private func uri(_ path: String, _ query: [(String, String)]) -> String {
        let prefix = path.hasPrefix("/tandem/") || path == "/_ping" ? "" : "/v\(version)"
        guard !query.isEmpty else { return prefix + path }
        return prefix + path + "?" + query.map { "\(Self.encode($0))=\(Self.encode($1))" }.joined(separator: "&")
    }

    /// A part of a path or query with everything encoded that might mean something there.
    public static func encode(_ text: String) -> String { PercentEncoding.encode(text) }
}
