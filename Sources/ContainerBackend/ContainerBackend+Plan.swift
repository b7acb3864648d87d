// SPDX-License-Identifier: Apache-2.0

public import Backend
import CLinux
import Glibc
import LaunchProtocol
import LinuxSystem
import Monitor
import SystemPackage
public import TandemModel

extension ContainerBackend {
    /// Lowers a request into a plan, or refuses it with all the reasons at once.
    public func plan(_ request: WorkloadRequest) throws(EngineError) -> WorkloadPlan {
        let spec = request.spec
        let driver = try cgroups.get()
        try refuse(spec, driver)
        var launch = LaunchPlan()
        setNamespaces(request, in: &launch)
        let groups = driver.folders(paths.groupName(spec, request.id), limits: spec.limits)
        launch.cgroup.unifiedDirectory = groups.unified.map { Bytes($0.string.utf8) } ?? []
        launch.cgroup.legacyDirectories = groups.legacy.map { Bytes($0.string.utf8) }
        launch.root = root(request)
        var lowering = RootLowering(
            cgroupVersion: driver.version, cgroupControllers: driver.version == 1 ? driver.controllers : [],
            mountSources: request.mounts.map { $0.hostPath.map { Bytes($0.string.utf8) } },
            extraDevices: try deviceNodes(spec), hasPrivateNetwork: spec.network.isPrivate)
        lowering.sharedMemory = sharedMemory(request)
        try lowering.lower(request, into: &launch)
        launch.process = try ProcessLowering.first(of: spec, filtersByDefault: true)
        var monitor = try MonitorPlan(request, paths: paths)
        monitor.launch = launch
        return WorkloadPlan(request: request, monitor: monitor)
    }

    private func setNamespaces(_ request: WorkloadRequest, in launch: inout LaunchPlan) {
        let wanted = request.spec.namespaces
        launch.namespaces = [.mount, .cgroup]
        launch.leavesCgroupNamespace = wanted.sharesControlGroups
        if !request.links.isEmpty {
            // The host makes it, with its interfaces in it, and hands it on.
            launch.networkDescriptor = UInt32(MonitorConnection.firstPassedDescriptor)
            launch.interfaces = request.links.map(\.interface)
        } else if request.spec.network.isPrivate {
            launch.namespaces.insert(.network)
        }
        if !wanted.sharesHostName { launch.namespaces.insert(.uts) }
        // Whether a joined workload runs is for the engine to say before the start; until then it has no process.
        let process = { (id: WorkloadID) in UInt32(bitPattern: request.joinedProcesses[id] ?? 0) }
        if case .joined(let id) = request.spec.network {
            launch.joined.append(JoinedNamespace(namespace: .network, process: process(id)))
        }
        switch wanted.processes {
        case .own: launch.namespaces.insert(.pid)
        case .host: break
        case .joined(let id): launch.joined.append(JoinedNamespace(namespace: .pid, process: process(id)))
        }
        switch wanted.communication {
        case .own, .shareable, .withoutSharedMemory: launch.namespaces.insert(.ipc)
        case .host: break
        case .joined(let id): launch.joined.append(JoinedNamespace(namespace: .ipc, process: process(id)))
        }
    }

    private func sharedMemory(_ request: WorkloadRequest) -> RootLowering.SharedMemory {
        switch request.spec.namespaces.communication {
        case .own: .own
        case .withoutSharedMemory: .none
        case .host: .folder(Bytes("/dev/shm".utf8))
        case .shareable: .folder(Bytes(paths.sharedMemory(request.id).string.utf8))
        case .joined(let id): .folder(Bytes(paths.sharedMemory(id).string.utf8))
        }
    }

    private func root(_ request: WorkloadRequest) -> RootPlan {
        var root = RootPlan()
        root.layers = request.layers.map { layer in
            Bytes(paths.layers.appending(LayerMounts.name(of: layer)).string.utf8)
        }
        root.upper = Bytes(request.dataDirectory.appending("upper").string.utf8)
        root.work = Bytes(request.dataDirectory.appending("work").string.utf8)
        root.mountPoint = Bytes(request.runDirectory.appending("root").string.utf8)
        root.discardable = request.spec.removeOnExit
        return root
    }

    /// Says everything at once that this host cannot do.
    private func refuse(_ spec: WorkloadSpec, _ driver: any CgroupDriver) throws(EngineError) {
        var lacks = driver.unsupported(spec.limits)
        for limit in spec.resourceLimits {
            guard let number = ProcessLimitName.number(of: limit.name) else { continue }
            let highest = HostRights.hardLimit(number)
            if limit.hard > highest && !HostRights.mayRaiseLimits {
                lacks.append(
                    "the limit '\(limit.name)' cannot be raised above \(highest): the daemon lacks CAP_SYS_RESOURCE")
            }
        }
        if spec.outOfMemoryScoreAdjustment < 0 && !HostRights.mayRaiseLimits {
            lacks.append("a negative OOM score needs CAP_SYS_RESOURCE, which the daemon lacks")
        }
        if spec.accelerator != nil {
            lacks.append("an accelerator runs the processors of a VM: a container runs on the host's")
        }
        if spec.storageFormat != nil || spec.storageCache != nil {
            lacks.append("--storage-opt format and cache are about the disk of a VM: a container has none")
        }
        if spec.storageSize != nil {
            lacks.append(
                "--storage-opt size is supported only for VMs: a container's writable layer is a folder of the host")
        }
        guard lacks.isEmpty else { throw EngineError(.unsupported, lacks.joined(separator: "; ")) }
        for name in spec.sysctls.keys.sorted() where !isNamespaced(name, spec) {
            throw EngineError(
                .invalidArgument, "sysctl \"\(name)\" is not in a separate kernel namespace",
                hint: "A VM has a kernel of its own, in which it can be set: add --vm.")
        }
    }

    /// runc's and Docker's list of kernel parameters that a container may have for itself.
    private func isNamespaced(_ name: String, _ spec: WorkloadSpec) -> Bool {
        let single: Set<String> = [
            "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
            "kernel.shmmni", "kernel.shm_rmid_forced",
        ]
        if single.contains(name) || name.hasPrefix("fs.mqueue.") { return spec.namespaces.communication != .host }
        if name == "kernel.domainname" { return !spec.namespaces.sharesHostName }
        return name.hasPrefix("net.") && spec.network.isPrivate
    }

    // MARK: Devices

    private func deviceNodes(_ spec: WorkloadSpec) throws(EngineError) -> [DeviceNode] {
        let inherited = spec.security.privileged ? HostDevices.all() : []
        var nodes = inherited.map { device in
            DeviceNode(
                path: Bytes(device.path.utf8), mode: device.mode, major: device.major, minor: device.minor,
                uid: device.uid, gid: device.gid)
        }
        for device in try specifiedDevices(spec) {
            nodes.append(
                DeviceNode(
                    path: Bytes(device.path.utf8), mode: device.node.mode, major: device.node.major,
                    minor: device.node.minor, uid: device.node.uid, gid: device.node.gid))
        }
        return nodes
    }

    func deviceRules(_ spec: WorkloadSpec) throws(EngineError) -> [DeviceRule] {
        var rules = DeviceRule.standard
        for device in try specifiedDevices(spec) {
            rules.append(
                DeviceRule(
                    type: device.node.isBlock ? "b" : "c", major: device.node.major, minor: device.node.minor,
                    access: device.permissions))
        }
        for text in spec.deviceRules {
            guard let rule = DeviceRule(dockerText: text) else {
                throw EngineError(.invalidArgument, "invalid device cgroup rule format: '\(text)'")
            }
            rules.append(rule)
        }
        return rules
    }

    /// The devices that the user named; a folder stands for all devices in it.
    private func specifiedDevices(
        _ spec: WorkloadSpec
    ) throws(EngineError) -> [(node: HostDevice, path: String, permissions: String)] {
        var found: [(node: HostDevice, path: String, permissions: String)] = []
        for device in spec.devices {
            let nodes = HostDevices.at(device.hostPath)
            guard !nodes.isEmpty else {
                let reason = access(device.hostPath, F_OK) == 0 ? "not a device node" : "no such file or directory"
                throw EngineError(
                    .invalidArgument,
                    "error gathering device information while adding custom device \"\(device.hostPath)\": \(reason)",
                    hint: "Name a device of the host, for example /dev/fuse, or a folder of devices.")
            }
            for node in nodes { found.append((node.device, device.path + node.suffix, device.permissions)) }
        }
        return found
    }
}
