// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Engine
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
public import SystemPackage
public import TandemModel

/// The Docker Engine API, and Tandem's additions below `/tandem`, on a UNIX socket.
public struct APIServer: Sendable {
    private let api: API
    private let logger: Logger

    /// Puts an engine behind the API.
    public init(engine: Engine, host: HostFacts, kernels: any KernelChoice, logger: Logger) {
        api = API(engine: engine, host: host, kernels: kernels, logger: logger)
        self.logger = logger
    }

    /// Serves until the task is cancelled; `onReady` is called when the socket listens.
    ///
    /// - Throws: `.unavailable` if the socket cannot be made.
    public func serve(socket: FilePath, onReady: @Sendable () throws(EngineError) -> Void) async throws(EngineError) {
        let server: NIOAsyncChannel<NIOAsyncChannel<InboundPart, OutboundPart>, Never>
        do {
            server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.backlog, value: 256)
                .bind(unixDomainSocketPath: socket.string, cleanupExistingSocketFile: true) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try ConnectionPipeline.configure(channel)
                        return try NIOAsyncChannel(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true))
                    }
                }
        } catch {
            throw EngineError(
                .unavailable, "the API cannot listen on '\(socket)': \(error)",
                hint: "Choose another path with --socket.")
        }
        try onReady()
        do {
            try await server.executeThenClose { connections in
                await withDiscardingTaskGroup { group in
                    do {
                        for try await connection in connections {
                            group.addTask { await serve(connection) }
                        }
                    } catch {
                        logger.error("the API stopped listening: \(error)")
                    }
                    group.cancelAll()
                }
            }
        } catch is CancellationError {
            return
        } catch {
            throw EngineError(.unavailable, "the API stopped listening on '\(socket)'", cause: error)
        }
    }

    private func serve(_ channel: NIOAsyncChannel<InboundPart, OutboundPart>) async {
        let closed = channel.channel.closeFuture
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // A client that goes in the middle of a request or response is no failure of ours.
                try? await channel.executeThenClose { inbound, outbound in
                    let connection = Connection(channel: channel.channel, inbound: inbound, outbound: outbound)
                    await serve(connection)
                }
            }
            group.addTask {
                // Whatever waits for a workload on behalf of this client ends with the connection.
                try? await closed.get()
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func serve(_ connection: Connection) async {
        do throws(EngineError) {
            while let request = try await connection.nextRequest() {
                try await api.handle(request, connection)
                guard connection.mayContinue else { return }
            }
        } catch {
            logger.debug("a connection ended: \(error)")
        }
    }
}

/// Facts about the daemon that `version` and `info` show.
public struct HostFacts: Sendable {
    /// The accelerator of VMs, `kvm` or `tcg`, or why there is none.
    public var accelerator: @Sendable () async -> String
    /// When the daemon was built or started.
    public var started: Timestamp

    /// Collects facts.
    public init(started: Timestamp, accelerator: @escaping @Sendable () async -> String) {
        self.started = started
        self.accelerator = accelerator
    }
}

/// A kernel that guests can boot.
public struct KernelEntry: Sendable {
    /// Its name, for example `tuned`.
    public var name: String
    /// Its release.
    public var release: String
    /// Bytes of the kernel and its initial file system.
    public var size: UInt64
    /// Whether guests boot it now.
    public var isUsed: Bool

    /// Describes a kernel.
    public init(name: String, release: String, size: UInt64, isUsed: Bool) {
        self.name = name
        self.release = release
        self.size = size
        self.isUsed = isUsed
    }
}

/// Shows and chooses what guests boot.
public protocol KernelChoice: Sendable {
    /// All kernels on this host.
    func list() async throws(EngineError) -> [KernelEntry]
    /// Chooses one.
    func use(_ name: String) async throws(EngineError)
}
