// SPDX-License-Identifier: Apache-2.0

public import Backend
public import ImageStore
import LinuxSystem
public import Logging
public import Networking
public import Registry
public import StateStore
public import TandemModel
public import VolumeStore

/// Creates, starts, watches and removes workloads of all kinds: the order of steps, and nothing about any one kind.
public actor Engine {
    /// Images.
    public nonisolated let images: ImageStore
    /// Volumes.
    public nonisolated let volumes: VolumeStore
    /// Networks.
    public nonisolated let networks: NetworkStore
    /// Where things lie.
    public nonisolated let paths: WorkloadPaths

    /// What fetches images.
    nonisolated let puller: ImagePuller
    /// What sends images.
    nonisolated let pusher: ImagePusher
    /// What the daemon has been told about registries.
    nonisolated let registries: RegistrySettings

    /// Layers that are mounted on the host.
    nonisolated let layers: LayerMounts

    let backends: [WorkloadKind: any WorkloadBackend]
    let state: StateStore
    let logger: Logger
    var workloads: [WorkloadID: Workload] = [:]
    var names: [String: WorkloadID] = [:]
    var executions: [String: WorkloadID] = [:]
    var nextNumber: UInt64 = 0
    /// The last events, for those who ask later, as dockerd keeps them.
    var recentEvents: [EngineEvent] = []
    var eventListeners: [UInt64: AsyncStream<EngineEvent>.Continuation] = [:]
    /// Clean-ups that go on after their workload's end has been told.
    var backgroundWork: [UInt64: Task<Void, Never>] = [:]
    /// Whether the daemon is about to end.
    var isShuttingDown = false

    /// Puts an engine together; `recover` has to follow.
    public init(
        paths: WorkloadPaths, backends: [any WorkloadBackend], images: ImageStore, volumes: VolumeStore,
        networks: NetworkStore, layers: LayerMounts, state: StateStore, registries: RegistrySettings = .init(),
        logger: Logger
    ) {
        self.paths = paths
        self.backends = Dictionary(uniqueKeysWithValues: backends.map { ($0.kind, $0) })
        self.images = images
        self.volumes = volumes
        puller = ImagePuller(images: images, settings: registries)
        pusher = ImagePusher(images: images, settings: registries)
        self.registries = registries
        self.networks = networks
        self.layers = layers
        self.state = state
        self.logger = logger
    }

    /// What each backend found on this host.
    public func reports() async -> [BackendReport] {
        var reports: [BackendReport] = []
        for kind in WorkloadKind.allCases {
            if let backend = backends[kind] { reports.append(await backend.report()) }
        }
        return reports
    }

    // MARK: Finding

    /// A workload by name, id, or the beginning of an id.
    ///
    /// - Throws: `.notFound` in Docker's words.
    public func snapshot(_ reference: String) async throws(EngineError) -> WorkloadSnapshot {
        await snapshot(of: try find(reference))
    }

    /// All workloads, newest first.
    public func snapshots() async -> [WorkloadSnapshot] {
        var result: [WorkloadSnapshot] = []
        for workload in workloads.values.sorted(by: { $0.record.created > $1.record.created }) {
            result.append(await snapshot(of: workload))
        }
        return result
    }

    private func snapshot(of workload: Workload) async -> WorkloadSnapshot {
        let process = await workload.instance?.hostProcess()
        return WorkloadSnapshot(
            record: workload.record, processID: process, paths: paths,
            executions: workload.executions.isEmpty
                ? [] : workload.executions.values.filter(\.isRunning).map(\.id).sorted())
    }

    func find(_ reference: String) throws(EngineError) -> Workload {
        let name = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
        if let id = WorkloadID(name), let workload = workloads[id] { return workload }
        if let id = names[name], let workload = workloads[id] { return workload }
        let fitting = name.isEmpty ? [] : workloads.values.filter { $0.id.description.hasPrefix(name) }
        if fitting.count == 1 { return fitting[0] }
        if fitting.count > 1 {
            throw EngineError(
                .invalidArgument, "multiple IDs found with provided prefix: \(reference)", hint: "Give more digits.")
        }
        throw EngineError(
            .notFound, "No such container: \(reference)", hint: "`tandem ps -a` lists what there is.")
    }

    func backend(of workload: Workload) throws(EngineError) -> any WorkloadBackend {
        try backend(for: workload.record.spec.kind)
    }

    func backend(for kind: WorkloadKind) throws(EngineError) -> any WorkloadBackend {
        guard let backend = backends[kind] else {
            throw EngineError(.unsupported, "this daemon has no backend for workloads of the kind '\(kind.rawValue)'")
        }
        return backend
    }

    func number() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    /// Runs one operation on a workload at a time.
    func exclusively<Value>(
        _ workload: Workload, _ body: () async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        await workload.gate.enter()
        defer { workload.gate.leave() }
        guard !workload.isRemoved else {
            throw EngineError(.notFound, "No such container: \(workload.record.name)")
        }
        return try await body()
    }

    /// Begins nothing new by itself, and waits for what is under way.
    public func settle() async {
        endRestarts()
        for task in backgroundWork.values { await task.value }
    }

    func inBackground(_ body: @escaping @Sendable () async -> Void) {
        let number = number()
        backgroundWork[number] = Task {
            await body()
            backgroundWork[number] = nil
        }
    }
}
