// SPDX-License-Identifier: Apache-2.0

/// Everything needed to turn an empty namespace or an empty guest into the running workload.
///
/// The host's monitor and the guest's agent execute it with the same code, in this order: `storage` in the
/// executor's own mount namespace, then clone3 with `namespaces` and into `joined` ones and `cgroup`, then inside them
/// `root`, `mounts`, `devices`, `links`, `files`, `sysctls`, `maskedPaths`, `readOnlyPaths`, host name, and
/// at last `process`.
public struct LaunchPlan: Sendable, Equatable {
    /// Mounts that the executor makes first, outside of the workload: layer disks, the writable disk, shares.
    ///
    /// Empty for a container, whose layers the engine has mounted. Targets are absolute paths in the executor's root.
    public var storage: [MountStep] = []
    /// The new namespaces of the workload.
    public var namespaces: NamespaceSet = []
    /// Namespaces of other workloads that this one joins; disjoint from `namespaces`.
    public var joined: [JoinedNamespace] = []
    /// Whether the workload leaves its new cgroup namespace once control groups are mounted: it then sees the executor's
    /// names, but mounts of its own group alone.
    public var leavesCgroupNamespace = false
    /// Identity mappings of a new user namespace; used only with `.user`.
    public var userMappings: [IdentityMapping] = []
    /// See `userMappings`.
    public var groupMappings: [IdentityMapping] = []
    /// Control groups that the workload's processes join.
    public var cgroup = CgroupPlacement()
    /// The root file system.
    public var root = RootPlan()
    /// Mounts inside the new root, in order.
    ///
    /// Targets are resolved inside the root and never leave it.
    public var mounts: [MountStep] = []
    /// Device nodes made (or, in a user namespace, bind-mounted) inside the new root.
    public var devices: [DeviceNode] = []
    /// Symbolic links made inside the new root, such as `/dev/fd`.
    public var links: [SymbolicLink] = []
    /// Files written inside the new root, such as `/etc/hostname`.
    public var files: [FileContent] = []
    /// Kernel parameters, written below `/proc/sys`.
    public var sysctls: [Sysctl] = []
    /// Paths hidden from the workload: `/dev/null` over a file, an empty read-only tmpfs over a folder.
    ///
    /// Missing ones are skipped.
    public var maskedPaths: [Bytes] = []
    /// Paths remounted read-only.
    ///
    /// Missing ones are skipped.
    public var readOnlyPaths: [Bytes] = []
    /// Host name in a new UTS namespace; empty leaves it alone.
    public var hostname: Bytes = []
    /// NIS domain name in a new UTS namespace; empty leaves it alone.
    public var domainname: Bytes = []
    /// Whether the loopback device of the workload's network is brought up.
    public var bringLoopbackUp = true
    /// Descriptor of a network namespace that the executor was handed, and that the workload joins; 0 for none.
    public var networkDescriptor: UInt32 = 0
    /// Interfaces that are set up in the workload's network.
    public var interfaces: [NetworkInterface] = []
    /// The workload's first process.
    public var process = ProcessPlan()

    /// An empty plan.
    public init() {}
}

/// The new namespaces of a workload, with the kernel's `CLONE_NEW…` values.
public struct NamespaceSet: OptionSet, Sendable, Equatable {
    /// The kernel's flags.
    public let rawValue: UInt32
    /// Wraps the kernel's flags.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `CLONE_NEWNS`.
    public static let mount = NamespaceSet(rawValue: 0x0002_0000)
    /// `CLONE_NEWCGROUP`.
    public static let cgroup = NamespaceSet(rawValue: 0x0200_0000)
    /// `CLONE_NEWUTS`.
    public static let uts = NamespaceSet(rawValue: 0x0400_0000)
    /// `CLONE_NEWIPC`.
    public static let ipc = NamespaceSet(rawValue: 0x0800_0000)
    /// `CLONE_NEWUSER`.
    public static let user = NamespaceSet(rawValue: 0x1000_0000)
    /// `CLONE_NEWPID`.
    public static let pid = NamespaceSet(rawValue: 0x2000_0000)
    /// `CLONE_NEWNET`.
    public static let network = NamespaceSet(rawValue: 0x4000_0000)
}

/// A namespace of a running process that a workload joins.
public struct JoinedNamespace: Sendable, Equatable {
    /// Which one.
    public var namespace: NamespaceSet
    /// The process, in the executor's numbers.
    public var process: UInt32
    /// Describes a namespace.
    public init(namespace: NamespaceSet, process: UInt32) {
        self.namespace = namespace
        self.process = process
    }
}

/// One line of `/proc/PID/uid_map` (user_namespaces(7)).
public struct IdentityMapping: Sendable, Equatable {
    /// First id inside.
    public var inside: UInt32
    /// First id outside.
    public var outside: UInt32
    /// How many.
    public var count: UInt32
    /// Describes a range.
    public init(inside: UInt32, outside: UInt32, count: UInt32) {
        self.inside = inside
        self.outside = outside
        self.count = count
    }
}

/// The control groups that a workload's processes join.
public struct CgroupPlacement: Sendable, Equatable {
    /// Directory of the workload's group in the v2 hierarchy, for `CLONE_INTO_CGROUP`; empty where there is none.
    public var unifiedDirectory: Bytes = []
    /// Directories of the workload's groups in v1 hierarchies; joined by writing `0` to their `cgroup.procs`.
    public var legacyDirectories: [Bytes] = []
    /// Whether the executor makes `unifiedDirectory` itself, and hands every controller of its kernel down to it.
    ///
    /// So it is in a guest, whose groups the engine cannot reach.
    public var isMadeByExecutor = false
    /// How many processes and threads a group that the executor makes may hold; 0 is no limit.
    public var processLimit: UInt64 = 0
    /// No groups.
    public init() {}
}

/// The root file system of a workload.
public struct RootPlan: Sendable, Equatable {
    /// Folders of the read-only layers, lowest first.
    ///
    /// Empty: `upper` alone is the root and is bind-mounted.
    public var layers: [Bytes] = []
    /// Folder of the writable layer.
    public var upper: Bytes = []
    /// overlayfs's work folder, on the same file system as `upper`.
    public var work: Bytes = []
    /// An empty folder in the executor's root on which the root is mounted before pivot_root.
    public var mountPoint: Bytes = []
    /// Whether the root is remounted read-only after everything else is mounted.
    public var readOnly = false
    /// Whether overlayfs may skip syncing (`volatile`), for a layer that goes with its workload.
    public var discardable = false
    /// Propagation of the root mount as mount(2) flags; 0 is `rprivate`.
    public var propagation: UInt32 = 0
    /// No root.
    public init() {}
}

/// One mount(2).
public struct MountStep: Sendable, Equatable {
    /// How `source` is to be understood.
    public enum SourceKind: UInt8, Sendable {
        /// Text for the file system, such as `proc` or a virtiofs tag.
        case label = 0
        /// A path of the executor's root (a path on the host for a container): bind mount.
        case bind = 1
        /// The serial number of a virtio-blk disk (guest only).
        case diskSerial = 2
        /// A path inside the new root that is bind-mounted elsewhere inside the new root.
        case rootRelativeBind = 3
    }

    /// What a bind mount does with the mounts below its source.
    public enum MountsBelow: UInt8, Sendable {
        /// They come along, read-only where the mount is and the kernel can say so (5.12 and later).
        case included = 0
        /// They stay behind.
        case excluded = 1
        /// They come along as they are.
        case unchanged = 2
        /// They come along, read-only where the mount is; a kernel that cannot say so fails.
        case protected = 3
    }

    /// What is mounted.
    public var source: Bytes
    /// How `source` is to be understood.
    public var sourceKind: SourceKind
    /// Where: absolute.
    public var target: Bytes
    /// File system type; empty for binds.
    public var fileSystem: Bytes
    /// `MS_…` flags of mount(2), propagation flags excluded.
    public var flags: UInt64
    /// Propagation flags (`MS_PRIVATE|MS_REC`, …) applied after the mount; 0 leaves it.
    public var propagation: UInt64
    /// Data for the file system.
    public var options: Bytes
    /// Whether the target, if missing, is made as a file instead of a folder.
    public var targetIsFile: Bool
    /// Whether a failure is skipped, for file systems that the kernel may lack.
    public var optional: Bool
    /// For a bind mount: what becomes of the mounts below its source.
    public var below = MountsBelow.included

    /// Describes a mount.
    public init(
        source: Bytes, sourceKind: SourceKind = .label, target: Bytes, fileSystem: Bytes = [], flags: UInt64 = 0,
        propagation: UInt64 = 0, options: Bytes = [], targetIsFile: Bool = false, optional: Bool = false
    ) {
        self.source = source
        self.sourceKind = sourceKind
        self.target = target
        self.fileSystem = fileSystem
        self.flags = flags
        self.propagation = propagation
        self.options = options
        self.targetIsFile = targetIsFile
        self.optional = optional
    }
}

/// A device node to make.
public struct DeviceNode: Sendable, Equatable {
    /// Absolute path inside the new root.
    public var path: Bytes
    /// Type and permission bits as for mknod(2), for example `S_IFCHR | 0666`.
    public var mode: UInt32
    /// Major number.
    public var major: UInt32
    /// Minor number.
    public var minor: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Describes a node.
    public init(path: Bytes, mode: UInt32, major: UInt32, minor: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) {
        self.path = path
        self.mode = mode
        self.major = major
        self.minor = minor
        self.uid = uid
        self.gid = gid
    }
}

/// A symbolic link to make.
public struct SymbolicLink: Sendable, Equatable {
    /// Where it stands: absolute path inside the new root.
    public var path: Bytes
    /// What it says.
    public var target: Bytes
    /// Describes a link.
    public init(path: Bytes, target: Bytes) {
        self.path = path
        self.target = target
    }
}

/// A small file to write.
public struct FileContent: Sendable, Equatable {
    /// Absolute path inside the new root.
    public var path: Bytes
    /// Permission bits.
    public var mode: UInt32
    /// The whole content.
    public var content: Bytes
    /// Describes a file.
    public init(path: Bytes, mode: UInt32, content: Bytes) {
        self.path = path
        self.mode = mode
        self.content = content
    }
}

/// A kernel parameter.
public struct Sysctl: Sendable, Equatable {
    /// Dotted name, for example `net.ipv4.ip_unprivileged_port_start`.
    public var name: Bytes
    /// The value as text.
    public var value: Bytes
    /// Describes a parameter.
    public init(name: Bytes, value: Bytes) {
        self.name = name
        self.value = value
    }
}
