// SPDX-License-Identifier: Apache-2.0

public import Backend
import FoundationEssentials
import LaunchProtocol
import LinuxSystem
public import Logging
public import Monitor
import SystemPackage
public import TandemModel

/// Runs workloads in virtual machines, by libvirt.
public final class MachineBackend: WorkloadBackend {
    /// The kind of workload that this backend runs.
    public let kind = WorkloadKind.vm

    let paths: WorkloadPaths
    let program: MonitorProgram
    let host: MachineHost
    let kernels: KernelStore
    let processes: MachineProcesses
    let logger: Logger
    /// The driver for QEMU's own control group, if the host has any.
    let cgroups: (any CgroupDriver)?

    /// Begins to examine libvirt and the accelerator in the background.
    public init(
        paths: WorkloadPaths, program: MonitorProgram, settings: MachineSettings, logger: Logger
    ) throws(EngineError) {
        self.paths = paths
        self.program = program
        self.logger = logger
        kernels = KernelStore(dataRoot: paths.dataRoot)
        processes = MachineProcesses(dataRoot: paths.dataRoot, libvirtURI: settings.libvirtURI)
        host = MachineHost(
            paths: paths, settings: settings, kernels: kernels, initProgram: program.path, logger: logger)
        // Without control groups VMs still run; the container backend reports the lack.
        cgroups = try? Cgroups.detect(scope: paths.scope)
        try Folders.make(paths.runRoot.appending("workloads"), mode: 0o700)
        Task { [host] in
            // A failure is reported by whoever needs the answer.
            _ = try? await host.connection()
            _ = try? await host.accelerator()
        }
    }

    /// The kernels that guests can boot.
    public var kernelStore: KernelStore { kernels }

    func names(_ id: WorkloadID) -> MachineNames {
        MachineNames(id: id, dataRoot: paths.dataRoot, runRoot: paths.runRoot)
    }

    /// Makes the writable layer of a new workload; one that is there is left alone.
    public func makeStorage(_ plan: WorkloadPlan) async throws(EngineError) {
        let names = names(plan.request.id)
        let discardable = plan.request.spec.removeOnExit
        let size = plan.request.spec.storageSize?.bytes ?? WritableDisk.standardSize
        let format = plan.request.spec.storageFormat ?? .raw
        let skeleton = paths.dataRoot.appending("libvirt/skeleton")
        try await BlockingQueue.run { () throws(EngineError) in
            try Folders.make(names.dataDirectory, mode: 0o710)
            try WritableDisk(file: names.disk, size: size, format: format).make(
                skeleton: skeleton, discardable: discardable)
        }
    }

    /// Bytes in the files of the writable layer.
    ///
    /// The disk tells lengths, not names: the files that every start writes are taken off as they were written, so that
    /// what a workload has added to its `/etc/hosts` counts.
    public func writtenSize(_ plan: WorkloadPlan) async throws(EngineError) -> UInt64 {
        let disk = names(plan.request.id).disk
        let launch = plan.monitor.launch
        let inDevices = Array("/dev/".utf8)
        let generated =
            launch.files.reduce(0) { $0 + $1.content.count }
            + launch.links.filter { !$0.path.starts(with: inDevices) }.reduce(0) { $0 + $1.target.count }
        guard plan.request.spec.storageFormat != .qcow2 else {
            // Its clusters are not where the file system says: what the file takes is all that can be told.
            return await BlockingQueue.run { Folders.diskUsage(disk) }
        }
        let size = try await BlockingQueue.run { () throws(EngineError) in try Ext4Content.size(disk) }
        return size > UInt64(generated) ? size - UInt64(generated) : 0
    }

    /// Builds everything up to a monitor that waits for the start command, or nothing at all.
    public func prepare(
        _ plan: WorkloadPlan, phases: PhaseRecorder
    ) async throws(EngineError) -> any WorkloadInstance {
        let id = plan.request.id
        do throws(EngineError) {
            return try await boot(plan, phases: phases)
        } catch {
            var reported = error
            do throws(EngineError) {
                try await releaseRuntime(id)
            } catch {
                reported.cleanupFailures.append(.init(step: "release", message: error.message))
            }
            throw reported
        }
    }

    private func boot(_ plan: WorkloadPlan, phases: PhaseRecorder) async throws(EngineError) -> MachineInstance {
        let request = plan.request
        let names = names(request.id)
        let connection = try await host.connection()
        let accelerator = try await accelerator(of: request.spec)
        let kernel = try kernels.current()
        let initramfs = try await host.initramfs(kernel)
        let begun = HostTime.monotonic
        let shares = try await BlockingQueue.run { () throws(EngineError) in
            try Folders.make(names.runDirectory, mode: 0o700)
            return try ShareStage(folder: names.shares).make(request.mounts)
        }
        phases.record(Phase(.rootfs, start: begun, end: HostTime.monotonic))
        let monitor = try await BlockingQueue.run { [program, paths] () throws(EngineError) in
            try MonitorConnection.spawn(
                program: program, plan: plan.monitor, errorLog: paths.monitorLog(request.id),
                passed: request.reservations)
        }
        let xml = domain(request, names, accelerator, kernel, initramfs, shares)
        let creating = HostTime.monotonic
        do throws(LibvirtError) {
            try await connection.create(xml: xml.text)
        } catch {
            monitor.close()
            throw EngineError(
                .internal, "libvirt cannot start the VM '\(request.id.short)': \(error.text)",
                hint: "`tandem doctor` shows what this host lacks.", cause: error)
        }
        let running = HostTime.monotonic
        phases.record(Phase(.libvirt, start: creating, end: running))
        monitor.onPhase { phase in
            // Nobody reports the firmware: it has the time between the others.
            if phase.name == .kernel { phases.record(Phase(.firmware, start: running, end: phase.start)) }
            phases.record(phase)
        }
        let processes = await BlockingQueue.run { [finder = self.processes] in finder.all(of: request.id) }
        for process in processes { ChildReaper.collect(process.pid) }
        try await place(processes.map(\.pid), of: request)
        return MachineInstance(
            names: names, group: paths.groupName(request.spec, request.id), monitor: monitor, connection: connection,
            cgroups: cgroups, finder: self.processes)
    }

    private func accelerator(of spec: WorkloadSpec) async throws(EngineError) -> Accelerator {
        if let demanded = spec.accelerator { return demanded }
        return try await host.accelerator().accelerator
    }

    /// QEMU and its helpers go into a control group of their own, which limits them and counts what they use.
    private func place(_ processes: [Int32], of request: WorkloadRequest) async throws(EngineError) {
        guard let cgroups else { return }
        let held = MachineLimits(request.spec.limits).onHost
        let group = paths.groupName(request.spec, request.id)
        try await BlockingQueue.run { [paths] () throws(EngineError) in
            try paths.noteGroup(group, of: request.id)
            try cgroups.make(group, limits: held, devices: nil)
            for process in processes { try cgroups.add(process, to: group) }
        }
    }

    /// Finds a workload that an earlier daemon started; `nil` if its monitor is gone.
    public func adopt(_ plan: WorkloadPlan) async throws(EngineError) -> (any WorkloadInstance)? {
        let names = names(plan.request.id)
        guard let monitor = await MonitorConnection.connect(socketPath: paths.monitorSocket(plan.request.id)) else {
            return nil
        }
        let connection = try await host.connection()
        guard await connection.isActive(uuid: names.uuid) else {
            monitor.close()
            return nil
        }
        return MachineInstance(
            names: names, group: paths.groupName(plan.request.spec, plan.request.id), monitor: monitor,
            connection: connection, cgroups: cgroups, finder: processes)
    }

    /// Removes everything that running left on the host; keeps the storage.
    public func releaseRuntime(_ id: WorkloadID) async throws(EngineError) {
        let names = names(id)
        let sockets = paths.monitorSockets(id)
        // The monitor passes the request on to the guest, which syncs, unmounts and powers itself off.
        await BlockingQueue.run {
            for socket in sockets { MonitorConnection.endBlocking(socketPath: socket, milliseconds: 2_000) }
        }
        if FileManager.default.fileExists(atPath: names.runDirectory.string) { try await endDomain(names) }
        try await BlockingQueue.run { [cgroups, paths] () throws(EngineError) in
            try cgroups?.remove(paths.notedGroup(of: id))
            for target in MountPoint.targets(below: names.runDirectory) { try MountPoint.detach(target) }
            try Folders.remove(names.runDirectory)
        }
    }

    /// Waits for the guest to power off, and ends it if it does not in time.
    private func endDomain(_ names: MachineNames) async throws(EngineError) {
        let connection = try await host.connection()
        let deadline = HostTime.monotonic + 3_000_000_000
        while await connection.isActive(uuid: names.uuid) {
            if HostTime.monotonic > deadline {
                do throws(LibvirtError) {
                    try await connection.destroy(uuid: names.uuid)
                } catch  where error.isMissingDomain || error.isInvalidState {
                    return
                } catch {
                    throw EngineError(
                        .internal, "the VM '\(names.id.short)' cannot be ended: \(error.text)", cause: error)
                }
            }
            // Only the daemon's own end cancels this.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Removes the storage.
    public func removeStorage(_ id: WorkloadID) async throws(EngineError) {
        let folder = paths.dataDirectory(id)
        try await BlockingQueue.run { () throws(EngineError) in try Folders.remove(folder) }
    }

    /// The ids of which there is any trace on the host.
    public func strays() async -> [WorkloadID] {
        // A domain of ours has a socket: without one there is no need to wake libvirt up, which may take seconds.
        let runFolder = paths.runRoot.appending("workloads")
        let mayBeThere = Folders.names(in: runFolder).contains { name in
            FileManager.default.fileExists(atPath: runFolder.appending(name).appending("agent.sock").string)
        }
        guard mayBeThere else { return [] }
        // A host without libvirt has no domains.
        guard let connection = try? await host.connection(), let domains = try? await connection.domains() else {
            return []
        }
        let own = paths.runRoot
        var found: [WorkloadID] = []
        for domain in domains {
            // Another daemon's domains may be seen by the same libvirt.
            guard let id = MachineNames.id(ofDomain: domain.name),
                let xml = try? await connection.xml(uuid: domain.uuid), xml.contains("'\(own)/workloads/")
            else { continue }
            found.append(id)
        }
        return found
    }
}
