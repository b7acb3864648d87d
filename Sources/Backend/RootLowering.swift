// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
public import TandemModel

/// Lowers what a workload sees below its root: mounts, devices, files.
///
/// The same for both kinds but for these facts about the executor.
public struct RootLowering: Sendable {
    /// 1 or 2; 0 where the executor has no control groups to show.
    public var cgroupVersion: Int
    /// The v1 hierarchies to show.
    public var cgroupControllers: [String]
    /// For each of the request's mounts, the path in the executor's root that is bind-mounted; `nil` for tmpfs.
    public var mountSources: [Bytes?]
    /// Device nodes beside the standard ones.
    public var extraDevices: [DeviceNode]
    /// Whether a privileged workload sees all devices of the executor's kernel.
    public var showsAllDevices: Bool
    /// Whether the workload has a network namespace of its own.
    public var hasPrivateNetwork: Bool
    /// What `/dev/shm` is.
    public var sharedMemory = SharedMemory.own

    /// What `/dev/shm` is.
    public enum SharedMemory: Sendable {
        /// A file system of the workload's own.
        case own
        /// Nothing.
        case none
        /// A folder of the executor, which others use too.
        case folder(Bytes)
    }

    /// Describes an executor.
    public init(
        cgroupVersion: Int, cgroupControllers: [String] = [], mountSources: [Bytes?], extraDevices: [DeviceNode] = [],
        showsAllDevices: Bool = false, hasPrivateNetwork: Bool = true
    ) {
        self.cgroupVersion = cgroupVersion
        self.cgroupControllers = cgroupControllers
        self.mountSources = mountSources
        self.extraDevices = extraDevices
        self.showsAllDevices = showsAllDevices
        self.hasPrivateNetwork = hasPrivateNetwork
    }

    /// Fills in everything that lies below the root, host names and kernel parameters.
    public func lower(_ request: WorkloadRequest, into plan: inout LaunchPlan) throws(EngineError) {
        let spec = request.spec
        plan.mounts = standardMounts(spec)
        for (mount, source) in zip(request.mounts, mountSources) {
            plan.mounts.append(try step(for: mount, source: source))
        }
        plan.devices = Self.standardDevices + extraDevices
        plan.links = [
            ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"), ("/dev/core", "/proc/kcore"), ("/dev/ptmx", "pts/ptmx"),
            ("/etc/mtab", "/proc/mounts"),
        ].map { SymbolicLink(path: Bytes($0.utf8), target: Bytes($1.utf8)) }
        plan.files = request.files
        plan.sysctls = sysctls(spec)
        // As dockerd: a privileged workload sees everything, unless the user named paths.
        let standard = !spec.security.privileged
        plan.maskedPaths = (spec.security.maskedPaths ?? (standard ? Self.maskedPaths : [])).map { Bytes($0.utf8) }
        plan.readOnlyPaths = (spec.security.readOnlyPaths ?? (standard ? Self.readOnlyPaths : [])).map {
            Bytes($0.utf8)
        }
        plan.root.readOnly = spec.readOnlyRoot
        if !spec.namespaces.sharesHostName {
            plan.hostname = Bytes(spec.hostname.utf8)
            plan.domainname = Bytes(spec.domainname.utf8)
        }
        plan.bringLoopbackUp = hasPrivateNetwork
    }

    // MARK: Mounts

    private func standardMounts(_ spec: WorkloadSpec) -> [MountStep] {
        let privileged = spec.security.privileged
        let harmless = MountFlag.noSetUser | MountFlag.noExecute | MountFlag.noDevices
        let systemFlags = privileged ? harmless : harmless | MountFlag.readOnly
        var mounts = [
            Self.step("proc", "/proc", "proc", harmless),
            showsAllDevices && privileged
                ? Self.step("devtmpfs", "/dev", "devtmpfs", MountFlag.noSetUser)
                : Self.step(
                    "tmpfs", "/dev", "tmpfs", MountFlag.noSetUser | MountFlag.strictAccessTimes, "mode=755,size=65536k"),
            Self.step(
                "devpts", "/dev/pts", "devpts", MountFlag.noSetUser | MountFlag.noExecute,
                "newinstance,ptmxmode=0666,mode=0620,gid=5"),
            Self.step("sysfs", "/sys", "sysfs", systemFlags),
        ]
        switch sharedMemory {
        case .own:
            let options = "mode=1777,size=\(spec.sharedMemorySize.bytes)"
            mounts.append(Self.step("shm", "/dev/shm", "tmpfs", harmless, options))
        case .none: break
        case .folder(let path):
            mounts.append(MountStep(source: path, sourceKind: .bind, target: Bytes("/dev/shm".utf8)))
        }
        var queue = Self.step("mqueue", "/dev/mqueue", "mqueue", harmless)
        queue.optional = true
        mounts.append(queue)
        mounts += cgroupMounts(systemFlags)
        return mounts
    }

    private func cgroupMounts(_ flags: UInt64) -> [MountStep] {
        switch cgroupVersion {
        case 2: return [Self.step("cgroup", "/sys/fs/cgroup", "cgroup2", flags)]
        case 1:
            let root = Self.step("tmpfs", "/sys/fs/cgroup", "tmpfs", flags & ~MountFlag.readOnly, "mode=755")
            let controllers = cgroupControllers.map { controller in
                var step = Self.step("cgroup", "/sys/fs/cgroup/\(controller)", "cgroup", flags, controller)
                // A controller that shares its mount with another one cannot be shown alone.
                step.optional = true
                return step
            }
            guard flags & MountFlag.readOnly != 0 else { return [root] + controllers }
            // Their folder last: it has to take theirs first.
            return [root] + controllers
                + [Self.step("", "/sys/fs/cgroup", "", flags | MountFlag.remount | MountFlag.bind)]
        default: return []
        }
    }

    private func step(for mount: ResolvedMount, source: Bytes?) throws(EngineError) -> MountStep {
        let target = Bytes(mount.spec.target.utf8)
        if case .tmpfs(let options) = mount.spec.source {
            let parsed = TmpfsOptions(options, readOnly: mount.spec.readOnly)
            return MountStep(
                source: Bytes("tmpfs".utf8), target: target, fileSystem: Bytes("tmpfs".utf8), flags: parsed.flags,
                options: Bytes(parsed.data.utf8))
        }
        guard let source else {
            throw EngineError(.internal, "the mount at '\(mount.spec.target)' has no source")
        }
        guard let propagation = MountFlag.propagation(mount.spec.propagation) else {
            throw EngineError(
                .invalidArgument,
                "invalid propagation '\(mount.spec.propagation)' for the mount at '\(mount.spec.target)'",
                hint: "Use private, rprivate, shared, rshared, slave or rslave.")
        }
        var step = MountStep(
            source: source, sourceKind: .bind, target: target, flags: mount.spec.readOnly ? MountFlag.readOnly : 0,
            propagation: propagation, targetIsFile: !mount.sourceIsDirectory)
        let below = mount.spec.below ?? MountsBelow()
        step.below =
            switch below.readOnly {
            case _ where below.excluded: .excluded
            case .ifPossible: .included
            case .never: .unchanged
            case .always: .protected
            }
        return step
    }

    /// The lists that apply where the user has none.
    public static var standardPaths: (masked: [String], readOnly: [String]) { (maskedPaths, readOnlyPaths) }

    private static func step(
        _ source: String, _ target: String, _ type: String, _ flags: UInt64, _ options: String = ""
    ) -> MountStep {
        MountStep(
            source: Bytes(source.utf8), target: Bytes(target.utf8), fileSystem: Bytes(type.utf8), flags: flags,
            options: Bytes(options.utf8))
    }

    // MARK: Devices, parameters, paths

    /// As Docker's containers: everybody may use them.
    private static let standardDevices = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ].map { name, major, minor in
        DeviceNode(path: Bytes("/dev/\(name)".utf8), mode: 0o020_666, major: UInt32(major), minor: UInt32(minor))
    }

    private func sysctls(_ spec: WorkloadSpec) -> [Sysctl] {
        var values = spec.sysctls
        if hasPrivateNetwork {
            // As Docker: low ports and ping need no capability in a network of one's own.
            values["net.ipv4.ip_unprivileged_port_start"] = values["net.ipv4.ip_unprivileged_port_start"] ?? "0"
            values["net.ipv4.ping_group_range"] = values["net.ipv4.ping_group_range"] ?? "0 2147483647"
        }
        return values.sorted { $0.key < $1.key }.map { Sysctl(name: Bytes($0.key.utf8), value: Bytes($0.value.utf8)) }
    }

    /// daemon/pkg/oci/defaults.go.
    private static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ]
    private static let readOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}
