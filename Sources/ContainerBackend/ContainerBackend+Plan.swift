// SPDX-License-Identifier: Apache-2.0

public import Backend
import CLinux
import Glibc
import LaunchProtocol
import LinuxSystem
import SystemPackage
public import TandemModel

extension ContainerBackend {
    /// Lowers a request into a plan, or refuses it with all the reasons at once.
    public func plan(_ request: WorkloadRequest) throws(EngineError) -> WorkloadPlan {
        let spec = request.spec
        let driver = try cgroups.get()
        try refuse(spec, driver)
        var launch = LaunchPlan()
        launch.namespaces = [.mount, .pid, .uts, .ipc, .cgroup]
        if spec.network == .none { launch.namespaces.insert(.network) }
        let groups = driver.folders(request.id.description)
        launch.cgroup.unifiedDirectory = groups.unified.map { Bytes($0.string.utf8) } ?? []
        launch.cgroup.legacyDirectories = groups.legacy.map { Bytes($0.string.utf8) }
        launch.root = root(request)
        let lowering = RootLowering(
            cgroupVersion: driver.version, cgroupControllers: driver.version == 1 ? driver.controllers : [],
            mountSources: request.mounts.map { $0.hostPath.map { Bytes($0.string.utf8) } },
            extraDevices: try deviceNodes(spec), hasPrivateNetwork: spec.network == .none)
        try lowering.lower(request, into: &launch)
        launch.process = try ProcessLowering.first(of: spec, filtersByDefault: true)
        var monitor = MonitorPlan(spec, id: request.id, paths: paths)
        monitor.launch = launch
        return WorkloadPlan(request: request, monitor: monitor)
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
        guard lacks.isEmpty else { throw EngineError(.unsupported, lacks.joined(separator: "; ")) }
        for name in spec.sysctls.keys.sorted() where !isNamespaced(name, hostNetwork: spec.network == .host) {
            throw EngineError(
                .invalidArgument, "sysctl \"\(name)\" is not in a separate kernel namespace",
                hint: "A VM has a kernel of its own, in which it can be set: add --vm.")
        }
    }

    /// runc's and Docker's list of kernel parameters that a container may have for itself.
    private func isNamespaced(_ name: String, hostNetwork: Bool) -> Bool {
        let single: Set<String> = [
            "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
            "kernel.shmmni", "kernel.shm_rmid_forced",
        ]
        if single.contains(name) || name.hasPrefix("fs.mqueue.") { return true }
        return name.hasPrefix("net.") && !hostNetwork
    }

    // MARK: Devices

    private func deviceNodes(_ spec: WorkloadSpec) throws(EngineError) -> [DeviceNode] {
        let inherited = spec.security.privileged ? HostDevices.all() : []
        var nodes = inherited.map { device in
            DeviceNode(
                path: Bytes(device.path.utf8), mode: device.mode, major: device.major, minor: device.minor,
                uid: device.uid, gid: device.gid)
        }
        for device in spec.devices {
            let status = try status(of: device)
            nodes.append(
                DeviceNode(
                    path: Bytes(device.path.utf8), mode: status.st_mode, major: tandem_major(UInt64(status.st_rdev)),
                    minor: tandem_minor(UInt64(status.st_rdev)), uid: status.st_uid, gid: status.st_gid))
        }
        return nodes
    }

    func deviceRules(_ spec: WorkloadSpec) throws(EngineError) -> [DeviceRule] {
        var rules = DeviceRule.standard
        for device in spec.devices {
            let status = try status(of: device)
            rules.append(
                DeviceRule(
                    type: status.st_mode & S_IFMT == S_IFBLK ? "b" : "c", major: tandem_major(UInt64(status.st_rdev)),
                    minor: tandem_minor(UInt64(status.st_rdev)), access: device.permissions))
        }
        return rules
    }

    private func status(of device: DeviceSpec) throws(EngineError) -> stat {
        var status = stat()
        guard stat(device.hostPath, &status) == 0, [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT) else {
            throw EngineError(
                .invalidArgument,
                "error gathering device information while adding custom device \"\(device.hostPath)\": not a device node",
                hint: "Name a device of the host, for example /dev/fuse.")
        }
        return status
    }
}
