// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import ContainerBackend
import Dispatch
import Engine
import EngineAPI
import Glibc
import ImageStore
import LinuxSystem
import Logging
import MachineBackend
import Monitor
import Networking
import Registry
import StateStore
import SystemPackage
import TandemModel
import VolumeStore

/// Puts the parts together, and takes them apart at the end.
///
/// The only place that knows every kind of workload.
struct Daemon {
    let options: Tandemd

    func run() async throws(EngineError) {
        let paths = WorkloadPaths(dataRoot: try folder(options.dataRoot), runRoot: try folder(options.runRoot))
        let socket = options.socket.map { FilePath($0) } ?? paths.runRoot.appending("tandem.sock")
        try check(paths, socket: socket)
        let listeners = try listeners(socket)
        // From here on nobody else touches the two roots.
        let locks = try lock(paths)
        OrphanReaper.start()
        let logger = Logger(label: "tandemd")
        let program = try MonitorProgram(path: initPath)
        let state = try StateStore(path: paths.dataRoot.appending("state.db").string)
        let images = try ImageStore(root: paths.dataRoot.appending("images"))
        let volumes = try VolumeStore(root: paths.dataRoot.appending("volumes"))
        let networks = try networks(paths, state, logger)
        let layers = try LayerMounts(folder: paths.layers)
        let containers = try ContainerBackend(paths: paths, program: program, layerMounts: layers)
        let machines = try MachineBackend(
            paths: paths, program: program, settings: try machineSettings(), logger: logger)
        let engine = Engine(
            paths: paths, backends: [containers, machines], images: images, volumes: volumes, networks: networks,
            layers: layers, state: state, registries: try registrySettings(), logger: logger)
        try await engine.recover()
        await engine.sweepDownloads()
        let server = APIServer(
            engine: engine, host: HostFacts(started: HostTime.now) { await machines.report().accelerator ?? "none" },
            kernels: Kernels(store: machines.kernelStore), logger: logger)
        try await serve(server, listeners, logger)
        await engine.settle()
        containers.shutDown()
        do throws(EngineError) {
            try networks.shutDown()
        } catch {
            logger.error("networks could not be taken down: \(error)")
        }
        for case .socket(let path) in listeners { _ = path.withPlatformString { unlink($0) } }
        withExtendedLifetime(locks) {}
    }

    private func networks(
        _ paths: WorkloadPaths, _ state: StateStore, _ logger: Logger
    ) throws(EngineError) -> NetworkStore {
        let scope = NetworkScope(digits: paths.scope, isUsual: paths.runRoot == FilePath("/run/tandem"))
        return try NetworkStore(
            scope: scope, folder: paths.runRoot.appending("networks"), known: try state.networks(),
            records: NetworkStore.Records(
                save: { (record) throws(EngineError) in try state.save(record) },
                remove: { (id) throws(EngineError) in try state.removeNetwork(id) }),
            logger: logger)
    }

    private func machineSettings() throws(EngineError) -> MachineSettings {
        guard let accelerator = AcceleratorSetting(rawValue: options.accelerator) else {
            throw EngineError(
                .invalidArgument, "'\(options.accelerator)' is no accelerator", hint: "Use auto, kvm or tcg.")
        }
        return MachineSettings(accelerator: accelerator, libvirtURI: options.libvirtUri)
    }

    private func registrySettings() throws(EngineError) -> RegistrySettings {
        for mirror in options.registryMirror {
            let rest = ["http://", "https://"].first { mirror.hasPrefix($0) }.map { mirror.dropFirst($0.count) }
            guard let rest, !rest.isEmpty, !rest.dropLast(rest.hasSuffix("/") ? 1 : 0).contains("/") else {
                throw EngineError(
                    .invalidArgument, "'\(mirror)' is no address of a registry mirror",
                    hint: "For example https://mirror.example.")
            }
        }
        return RegistrySettings(
            insecure: options.insecureRegistry, mirrors: options.registryMirror,
            certificateFolders: ["/etc/docker/certs.d"] + options.registryCertificates,
            proxies: ProxySettings { name in getenv(name).map { String(cString: $0) } })
    }

    /// tandem-init lies beside tandemd unless told otherwise.
    private var initPath: FilePath {
        if let path = options.initPath { return FilePath(path) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = FilePath(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
        return own.removingLastComponent().appending("tandem-init")
    }

    // MARK: Checks

    private func folder(_ text: String) throws(EngineError) -> FilePath {
        let path = FilePath(text).lexicallyNormalized()
        guard path.isAbsolute else {
            throw EngineError(.invalidArgument, "'\(text)' is no absolute path", hint: "Roots have to begin with '/'.")
        }
        return path
    }

    private func check(_ paths: WorkloadPaths, socket: FilePath) throws(EngineError) {
        guard HostRights.isRoot else {
            throw EngineError(
                .permissionDenied, "tandemd has to run as root: it makes namespaces, mounts and control groups",
                hint: "Start it with sudo.")
        }
        guard paths.runRoot.string.utf8.count <= 40 else {
            throw EngineError(
                .invalidArgument, "the run root '\(paths.runRoot)' is longer than 40 bytes",
                hint: "Paths of UNIX sockets have at most 107 bytes: choose a shorter --run-root.")
        }
        guard socket.string.utf8.count <= 107 else {
            throw EngineError(.invalidArgument, "the socket's path '\(socket)' is longer than 107 bytes")
        }
        try Folders.make(paths.dataRoot, mode: 0o711)
        try Folders.make(paths.runRoot, mode: 0o755)
    }

    private func lock(_ paths: WorkloadPaths) throws(EngineError) -> [FileLock] {
        var locks: [FileLock] = []
        for root in [paths.dataRoot, paths.runRoot] {
            guard let lock = try FileLock(path: root.appending("tandemd.lock")) else {
                throw EngineError(
                    .conflict, "another tandemd uses '\(root)' already",
                    hint: "Stop that one, or give this one its own --data-root and --run-root.")
            }
            locks.append(lock)
        }
        return locks
    }

    // MARK: Serving

    private func listeners(_ socket: FilePath) throws(EngineError) -> [Listener] {
        let files = [options.tlscacert, options.tlscert, options.tlskey].compactMap { $0 }
        guard files.isEmpty || files.count == 3 else {
            throw EngineError(
                .invalidArgument, "TLS needs all of --tlscacert, --tlscert and --tlskey",
                hint: "Clients are checked too, so the certificate of their authority is needed.")
        }
        guard !options.tlsverify || files.count == 3 else {
            throw EngineError(
                .invalidArgument, "--tlsverify needs --tlscacert, --tlscert and --tlskey",
                hint: "Name the three PEM files.")
        }
        let security =
            files.isEmpty ? nil : try TransportSecurity(authority: files[0], certificate: files[1], key: files[2])
        var listeners = [Listener.socket(socket)]
        for text in options.host {
            listeners.append(
                try Listener(parsing: text, security: security, allowsInsecure: options.insecureTcp))
        }
        return listeners
    }

    private func serve(_ server: APIServer, _ listeners: [Listener], _ logger: Logger) async throws(EngineError) {
        let (stops, stop) = AsyncStream.makeStream(of: Int32.self)
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { stop.yield(number) }
            source.resume()
            sources.append(source)
        }
        signal(SIGPIPE, SIG_IGN)
        let serving = Task { () -> EngineError? in
            do throws(EngineError) {
                try await server.serve(listeners) { (listener) throws(EngineError) in
                    if case .socket(let path) = listener { try Self.protect(path) }
                }
                return nil
            } catch {
                return error
            }
        }
        let waiting = Task {
            for await number in stops {
                logger.notice("ending on signal \(number); workloads go on")
                serving.cancel()
                break
            }
        }
        let failure = await serving.value
        waiting.cancel()
        for source in sources { source.cancel() }
        if let failure { throw failure }
    }

    /// Whoever may speak to the socket is root on this host: only root, and the group `tandem` if there is one.
    private static func protect(_ socket: FilePath) throws(EngineError) {
        var group: gid_t = 0
        if let entry = getgrnam("tandem") { group = entry.pointee.gr_gid }
        let changed = socket.withPlatformString { chown($0, 0, group) == 0 && chmod($0, 0o660) == 0 }
        guard changed else { throw EngineError(.permissionDenied, "the rights of '\(socket)' cannot be set") }
    }
}
