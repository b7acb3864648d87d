// SPDX-License-Identifier: Apache-2.0

public import Backend
import Glibc
import LaunchProtocol
import LinuxSystem
public import Monitor
import SystemPackage
public import TandemModel

/// Runs workloads in namespaces and control groups of the host's kernel.
public final class ContainerBackend: WorkloadBackend {
    /// The kind of workload that this backend runs.
    public let kind = WorkloadKind.container

    let paths: WorkloadPaths
    let program: MonitorProgram
    let layerMounts: LayerMounts
    /// The driver, or why there is none.
    let cgroups: Result<any CgroupDriver, EngineError>

    /// Sweeps what an earlier daemon has mounted, and finds out what the host has.
    ///
    /// Blocks.
    ///
    /// `layerMounts` may be used by others too; it ends with this backend.
    public init(paths: WorkloadPaths, program: MonitorProgram, layerMounts: LayerMounts) throws(EngineError) {
        self.paths = paths
        self.program = program
        self.layerMounts = layerMounts
        try Folders.make(paths.runRoot.appending("workloads"), mode: 0o700)
        for fileSystem in ["erofs", "overlay"] where !HostInformation.fileSystems.contains(fileSystem) {
            // Distributions keep them as modules; what is still missing then, the report says.
            try? SystemProgram(path: "/sbin/modprobe", arguments: [fileSystem]).run()
        }
        do throws(EngineError) {
            cgroups = .success(try Cgroups.detect(scope: paths.scope))
        } catch {
            cgroups = .failure(error)
        }
    }

    /// Lets go of what is kept between starts; workloads go on.
    ///
    /// Blocks.
    public func shutDown() {
        layerMounts.removeAll()
        if case .success(let driver) = cgroups { driver.removeScope() }
    }

    /// Makes the writable layer of a new workload; one that is there is left alone.
    public func makeStorage(_ plan: WorkloadPlan) async throws(EngineError) {
        let folder = plan.request.dataDirectory
        try await BlockingQueue.run { () throws(EngineError) in
            try Folders.make(folder, mode: 0o710)
            // The root of the overlay shows the mode of its upper folder.
            try Folders.make(folder.appending("upper"), mode: 0o755)
            try Folders.make(folder.appending("work"), mode: 0o711)
        }
    }

    /// Bytes in the files of the writable layer.
    public func writtenSize(_ plan: WorkloadPlan) async throws(EngineError) -> UInt64 {
        let upper = plan.request.dataDirectory.appending("upper")
        let launch = plan.monitor.launch
        let generated = Set((launch.files.map(\.path) + launch.links.map(\.path)).map { Array($0.drop { $0 == 0x2F }) })
        return await BlockingQueue.run { ContentSize(of: upper, except: generated).bytes }
    }

    /// Builds everything up to a monitor that waits for the start command, or nothing at all.
    public func prepare(
        _ plan: WorkloadPlan, phases: PhaseRecorder
    ) async throws(EngineError) -> any WorkloadInstance {
        try await BlockingQueue.run { [self] () throws(EngineError) in try prepareBlocking(plan, phases: phases) }
    }

    private func prepareBlocking(
        _ plan: WorkloadPlan, phases: PhaseRecorder
    ) throws(EngineError) -> ContainerInstance {
        let request = plan.request
        let name = paths.groupName(request.spec, request.id)
        let driver = try cgroups.get()
        var rollback = Rollback()
        do throws(EngineError) {
            let begun = HostTime.monotonic
            rollback.add("remove the run folder") { [paths] () throws(EngineError) in
                let folder = paths.runDirectory(request.id)
                for target in MountPoint.targets(below: folder) { try MountPoint.detach(target) }
                try Folders.remove(folder)
            }
            try Folders.make(request.runDirectory.appending("root"), mode: 0o700)
            if plan.request.spec.removeOnExit { try discardIncompleteWork(request) }
            let layers = try layerMounts.acquire(request.layers)
            rollback.add("release the layers") { [layerMounts] () throws(EngineError) in layerMounts.release(layers) }
            let mounted = HostTime.monotonic
            phases.record(Phase(.rootfs, start: begun, end: mounted))
            try makeSharedMemory(request)
            try paths.noteGroup(name, of: request.id)
            rollback.add("remove the control group") { () throws(EngineError) in try driver.remove(name) }
            try driver.make(
                name, limits: request.spec.limits,
                devices: request.spec.security.privileged ? nil : try deviceRules(request.spec))
            phases.record(Phase(.cgroup, start: mounted, end: HostTime.monotonic))
            let networking = HostTime.monotonic
            let namespace = try ContainerNetwork.make(request)
            defer { if let namespace { close(namespace) } }
            if namespace != nil { phases.record(Phase(.network, start: networking, end: HostTime.monotonic)) }
            // What is left of a failed start goes with the namespace.
            let monitor = try MonitorConnection.spawn(
                program: program, plan: plan.monitor, errorLog: paths.monitorLog(request.id),
                passed: (namespace.map { [$0] } ?? []) + request.reservations)
            monitor.onPhase { phases.record($0) }
            return ContainerInstance(
                group: name, monitor: monitor, cgroups: driver,
                onceLaunched: { [layerMounts] in layerMounts.release(layers) })
        } catch {
            throw rollback.undo(after: error)
        }
    }

    /// Shared memory that others may join lies on the host: a mount cannot be taken from one mount namespace to another.
    private func makeSharedMemory(_ request: WorkloadRequest) throws(EngineError) {
        guard request.spec.namespaces.communication == .shareable else { return }
        let folder = paths.sharedMemory(request.id)
        try Folders.make(folder, mode: 0o700)
        let options = "nosuid,nodev,noexec,mode=1777,size=\(request.spec.sharedMemorySize.bytes)"
        try MountPoint.mount("shm", on: folder, type: "tmpfs", options: MountOptions(options))
    }

    /// A `volatile` overlay refuses its work folder after a crash (Documentation/filesystems/overlayfs): its writable
    /// layer goes with the workload, so nothing of it is worth keeping.
    private func discardIncompleteWork(_ request: WorkloadRequest) throws(EngineError) {
        let work = request.dataDirectory.appending("work")
        guard Folders.names(in: work).contains("work") else { return }
        try Folders.remove(work)
        try Folders.make(work, mode: 0o711)
    }

    /// Finds a workload that an earlier daemon started; `nil` if its monitor is gone.
    public func adopt(_ plan: WorkloadPlan) async throws(EngineError) -> (any WorkloadInstance)? {
        let driver = try cgroups.get()
        guard let monitor = await MonitorConnection.connect(socketPath: paths.monitorSocket(plan.request.id)) else {
            return nil
        }
        let group = paths.groupName(plan.request.spec, plan.request.id)
        return ContainerInstance(group: group, monitor: monitor, cgroups: driver, onceLaunched: {})
    }

    /// Removes everything that running left on the host; keeps the storage.
    public func releaseRuntime(_ id: WorkloadID) async throws(EngineError) {
        try await BlockingQueue.run { [self] () throws(EngineError) in
            // Killing the group ends the workload, and with it the monitor.
            if case .success(let driver) = cgroups { try driver.remove(paths.notedGroup(of: id)) }
            for socket in paths.monitorSockets(id) {
                MonitorConnection.endBlocking(socketPath: socket, milliseconds: 2_000)
            }
            let folder = paths.runDirectory(id)
            for target in MountPoint.targets(below: folder) { try MountPoint.detach(target) }
            try Folders.remove(folder)
        }
    }

    /// Removes the storage.
    public func removeStorage(_ id: WorkloadID) async throws(EngineError) {
        let folder = paths.dataDirectory(id)
        try await BlockingQueue.run { () throws(EngineError) in try Folders.remove(folder) }
    }

    /// The ids of which there is any trace on the host.
    public func strays() async -> [WorkloadID] {
        guard case .success(let driver) = cgroups else { return [] }
        return await BlockingQueue.run { [paths] in
            Array(Set(driver.names().compactMap { WorkloadID($0) } + paths.notedGroups()))
        }
    }
}
