// SPDX-License-Identifier: Apache-2.0

public import Monitor
public import TandemModel

/// Runs workloads with one isolation technique.
///
/// The engine decides the order of steps and keeps the records; a backend only turns a plan into kernel objects or
/// a guest, and back. Every name of such an object derives from the workload's id, so that `purge` needs no memory.
public protocol WorkloadBackend: Sendable {
    /// The kind of workload that it runs.
    var kind: WorkloadKind { get }

    /// Says what this host can do. Never throws: a lack is an answer.
    func report() async -> BackendReport

    /// Lowers a request into a plan, or refuses it with all the reasons at once. No side effect.
    func plan(_ request: WorkloadRequest) throws(EngineError) -> WorkloadPlan

    /// Makes the writable layer or disk of a new workload. Idempotent.
    func makeStorage(_ plan: WorkloadPlan) async throws(EngineError)

    /// Builds everything up to a monitor that waits for the start command: cgroup, mounts, guest.
    /// All or nothing: a failure leaves nothing behind.
    func prepare(_ plan: WorkloadPlan, phases: PhaseRecorder) async throws(EngineError) -> any WorkloadInstance

    /// Finds a workload that an earlier daemon started.
    ///
    /// - Returns: `nil` if its monitor is gone.
    func adopt(_ plan: WorkloadPlan) async throws(EngineError) -> (any WorkloadInstance)?

    /// Removes everything that running left on the host: guest, cgroup, mounts, runtime files. Keeps the storage.
    /// Idempotent; needs only the id.
    func releaseRuntime(_ id: WorkloadID) async throws(EngineError)

    /// Removes the storage. Idempotent; needs only the id.
    func removeStorage(_ id: WorkloadID) async throws(EngineError)

    /// Bytes in the files of the writable layer, as far as the host can tell while the workload does not run: without the
    /// files that the engine generates. It starts nothing.
    func writtenSize(_ plan: WorkloadPlan) async throws(EngineError) -> UInt64

    /// The ids of which this backend finds any trace on the host, for the clean-up at the daemon's start.
    func strays() async -> [WorkloadID]
}

/// A workload between `prepare` and the end of its first process.
public protocol WorkloadInstance: Sendable {
    /// The connection to its monitor: start, attach, exec, signal, resize, wait are the same for both kinds.
    var monitor: MonitorConnection { get }
    /// The host process that stands for the workload: the container's first process or the VMM.
    func hostProcess() async -> Int32?
    /// Whether its processes can be listed while it is frozen: not where their kernel is frozen too.
    var answersWhilePaused: Bool { get }
    /// Freezes every process of the workload.
    func pause() async throws(EngineError)
    /// Lets it go on.
    func resume() async throws(EngineError)
    /// Resources used now.
    func usage() async throws(EngineError) -> ResourceUsage
    /// Host processes that exist only because of this workload, for its memory footprint: monitor, workload or VMM, helpers.
    func footprintProcesses() async throws(EngineError) -> [FootprintProcess]
    /// Gives it a further interface while it runs, which the monitor is to set up (`changeNetwork`).
    ///
    /// All or nothing.
    func connect(_ link: WorkloadLink) async throws(EngineError)
    /// Takes the interface of an endpoint away while it runs.
    ///
    /// Idempotent.
    func disconnect(_ endpoint: Endpoint) async throws(EngineError)
    /// Whether the out-of-memory killer has struck since the start.
    func wasOutOfMemory() async -> Bool
    /// Changes limits while it runs; those that are as they were need not be touched.
    ///
    /// - Throws: `.conflict` if one of them can only change while it is stopped; nothing is changed then.
    func update(_ limits: ResourceLimits, from present: ResourceLimits) async throws(EngineError)
}
