// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Engine
public import Logging
import NIOCore
import NIOHTTP1
public import TandemModel

/// The Docker Engine API, and Tandem's additions below `/tandem`.
public struct APIServer: Sendable {
    private let api: API
    private let logger: Logger

    /// Puts an engine behind the API.
    public init(engine: Engine, host: HostFacts, kernels: any KernelChoice, logger: Logger) {
        api = API(engine: engine, host: host, kernels: kernels, logger: logger)
        self.logger = logger
    }

    /// Serves until the task is cancelled; `onReady` is called for each listener as soon as it can be reached.
    ///
    /// - Throws: `.unavailable` if one cannot be made.
    public func serve(
        _ listeners: [Listener], onReady: @Sendable (Listener) throws(EngineError) -> Void
    ) async throws(EngineError) {
        var servers: [(Listener, Listener.Server)] = []
        do throws(EngineError) {
            for listener in listeners {
                servers.append((listener, try await Self.bind(listener)))
                try onReady(listener)
                logger.notice("listening on \(listener.description)")
            }
        } catch {
            // What has been opened goes with the process, which ends now.
            for (_, server) in servers { server.channel.close(promise: nil) }
            throw error
        }
        let failure = await withTaskGroup(of: EngineError?.self) { group in
            for (listener, server) in servers { group.addTask { await serve(server, of: listener) } }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let failure { throw failure }
    }

    private static func bind(_ listener: Listener) async throws(EngineError) -> Listener.Server {
        do {
            return try await listener.bind()
        } catch {
            throw EngineError(
                .unavailable, "the API cannot listen on '\(listener.description)': \(error)",
                hint: "Choose another one with --host or --socket.")
        }
    }

    private func serve(_ server: Listener.Server, of listener: Listener) async -> EngineError? {
        do {
            try await server.executeThenClose { connections in
                await withDiscardingTaskGroup { group in
                    do {
                        for try await connection in connections {
                            group.addTask { await serve(connection) }
                        }
                    } catch is CancellationError {
                        // The daemon ends.
                    } catch {
                        logger.error("the API stopped listening: \(error)")
                    }
                    group.cancelAll()
                }
            }
            return nil
        } catch is CancellationError {
            return nil
        } catch {
            return EngineError(
                .unavailable, "the API stopped listening on '\(listener.description)'", cause: error)
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
