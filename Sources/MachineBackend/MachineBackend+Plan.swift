// SPDX-License-Identifier: Apache-2.0

public import Backend
import LaunchProtocol
import SystemPackage
public import TandemModel

extension MachineBackend {
    /// Less does not hold the kernel, the agent and the initial file system.
    static let leastMemory: UInt64 = 64 << 20

    /// Lowers a request into a plan, or refuses it with all the reasons at once.
    public func plan(_ request: WorkloadRequest) throws(EngineError) -> WorkloadPlan {
        let spec = request.spec
        try refuse(spec)
        var launch = LaunchPlan()
        launch.storage = storage(request)
        // A guest's network is nobody else's: its devices are there already.
        launch.namespaces = [.mount, .pid, .uts, .ipc, .cgroup]
        launch.interfaces = request.links.map(\.interface)
        launch.cgroup.unifiedDirectory = Bytes("/sys/fs/cgroup/workload".utf8)
        launch.cgroup.isMadeByExecutor = true
        if let pids = spec.limits.pids, pids > 0 { launch.cgroup.processLimit = UInt64(pids) }
        launch.root.layers = request.layers.indices.map { Bytes("/run/layers/\($0)".utf8) }
        launch.root.upper = Bytes("/run/writable/upper".utf8)
        launch.root.work = Bytes("/run/writable/work".utf8)
        launch.root.mountPoint = Bytes("/run/root".utf8)
        launch.root.discardable = spec.removeOnExit
        var lowering = RootLowering(
            cgroupVersion: 2, mountSources: sources(request.mounts), showsAllDevices: true)
        if spec.namespaces.communication == .withoutSharedMemory { lowering.sharedMemory = .none }
        try lowering.lower(request, into: &launch)
        launch.process = try ProcessLowering.first(of: spec, filtersByDefault: false)
        var monitor = try MonitorPlan(request, paths: paths)
        monitor.guestChannelPath = Bytes(names(request.id).agentSocket.string.utf8)
        monitor.launch = launch
        return WorkloadPlan(request: request, monitor: monitor)
    }

    private func storage(_ request: WorkloadRequest) -> [MountStep] {
        var steps = request.layers.indices.map { index in
            MountStep(
                source: Bytes("layer-\(index)".utf8), sourceKind: .diskSerial,
                target: Bytes("/run/layers/\(index)".utf8),
                fileSystem: Bytes("erofs".utf8), flags: 1 | 4)
        }
        steps.append(
            MountStep(
                source: Bytes("writable".utf8), sourceKind: .diskSerial, target: Bytes("/run/writable".utf8),
                fileSystem: Bytes("ext4".utf8), flags: 0))
        for (index, mount) in request.mounts.enumerated() where mount.hostPath != nil {
            steps.append(
                MountStep(
                    source: Bytes("share-\(index)".utf8), target: Bytes("/run/shares/\(index)".utf8),
                    fileSystem: Bytes("virtiofs".utf8)))
        }
        return steps
    }

    private func sources(_ mounts: [ResolvedMount]) -> [Bytes?] {
        mounts.enumerated().map { index, mount in
            guard mount.hostPath != nil else { return nil }
            let folder = "/run/shares/\(index)"
            return Bytes((mount.sourceIsDirectory ? folder : "\(folder)/\(ShareStage.fileName)").utf8)
        }
    }

    /// Says everything at once that a VM cannot do.
    private func refuse(_ spec: WorkloadSpec) throws(EngineError) {
        var lacks: [String] = []
        switch spec.network {
        case .host:
            lacks.append(
                "a VM cannot use the host's network: it has a network stack of its own (use the default network and -p)"
            )
        case .joined:
            lacks.append("a VM cannot join another workload's network: put both on one network (tandem network create)")
        case .none, .network: break
        }
        if !spec.devices.isEmpty { lacks.append("devices of the host cannot be given to a VM yet") }
        lacks += refusedNamespaces(spec.namespaces)
        if !spec.deviceRules.isEmpty {
            lacks.append("device rules are about the host's devices, which a VM does not see")
        }
        if spec.limits.swappiness != nil { lacks.append("swappiness has no meaning for a VM: it has no swap") }
        if spec.limits.outOfMemoryKillerDisabled {
            lacks.append("a VM's OOM killer is its own kernel's and cannot be switched off")
        }
        if let accelerator = spec.accelerator, !accelerator.hasDevice {
            lacks.append("KVM cannot run this VM's processors: /dev/kvm is missing or cannot be opened")
        }
        if spec.storageFormat == .qcow2, !WritableDisk.canConvert {
            lacks.append("disks of the format qcow2 need qemu-img, of the package qemu-utils")
        }
        if let size = spec.storageSize, size.bytes < WritableDisk.leastSize {
            lacks.append("a VM's disk needs at least \(WritableDisk.leastSize >> 20) MiB")
        }
        if spec.mounts.contains(where: { $0.below?.readOnly == .never && $0.below?.excluded != true }) {
            lacks.append("what a VM mounts read-only is read-only with all that is mounted below it")
        }
        if spec.limits.memoryReservation != nil { lacks.append("a memory reservation has no meaning for a VM") }
        if let memory = spec.limits.memory, memory.bytes < Self.leastMemory {
            lacks.append("a VM needs at least \(Self.leastMemory >> 20) MiB of memory")
        }
        if spec.mounts.contains(where: { $0.propagation.hasSuffix("shared") || $0.propagation.hasSuffix("slave") }) {
            lacks.append("mounts cannot propagate between the host and a VM")
        }
        guard lacks.isEmpty else {
            throw EngineError(
                .unsupported, lacks.joined(separator: "; "), hint: "Run it as a container: leave out --vm.")
        }
        let refusals = MachineLimits(spec.limits).unsupported(by: cgroups)
        guard refusals.isEmpty else { throw EngineError(.unsupported, refusals.joined(separator: "; ")) }
    }

    private func refusedNamespaces(_ namespaces: NamespaceSpec) -> [String] {
        var lacks: [String] = []
        if namespaces.processes != .own { lacks.append("a VM cannot see the processes of the host or of containers") }
        switch namespaces.communication {
        case .own, .withoutSharedMemory: break
        case .shareable: lacks.append("nothing can join the shared memory of a VM: use --ipc private")
        case .host, .joined: lacks.append("a VM cannot join the shared memory of the host or of containers")
        }
        if namespaces.sharesHostName { lacks.append("a VM has a host name of its own: use --hostname") }
        if namespaces.sharesControlGroups { lacks.append("a VM has control groups of its own: use --cgroupns private") }
        return lacks
    }

    // MARK: The domain

    func domain(
        _ request: WorkloadRequest, _ names: MachineNames, _ accelerator: Accelerator, _ kernel: GuestKernel,
        _ initramfs: FilePath, _ shares: [FilePath?]
    ) -> DomainXML {
        let limits = MachineLimits(request.spec.limits)
        var domain = DomainXML(
            name: names.domain, uuid: names.uuid, accelerator: accelerator,
            memory: limits.memory, processors: limits.processors, kernel: kernel.image.string,
            initramfs: initramfs.string,
            commandLine: KernelCommandLine.text(for: accelerator, processors: limits.processors),
            agentSocket: names.agentSocket.string, consoleFile: names.console.string)
        domain.memoryNodes = request.spec.limits.memoryNodes
        domain.disks = request.layers.enumerated().map { index, layer in
            DomainXML.Disk(file: layer.path.string, serial: "layer-\(index)", readOnly: true)
        }
        domain.disks.append(
            DomainXML.Disk(
                file: names.disk.string, serial: "writable", readOnly: false,
                format: request.spec.storageFormat ?? .raw, cache: request.spec.storageCache ?? .writeback))
        domain.interfaces = request.links.map { DomainXML.Interface($0) }
        domain.shares = shares.enumerated().compactMap { index, folder in
            folder.map { DomainXML.Share(folder: $0.string, tag: "share-\(index)") }
        }
        return domain
    }
}
