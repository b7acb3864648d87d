// SPDX-License-Identifier: Apache-2.0

/// Everything that a user decided about a workload, with the image's defaults already merged in.
///
/// It says what is wanted, in the same words for both kinds; a backend lowers it to what its kind needs.
public struct WorkloadSpec: Hashable, Sendable, Codable {
    /// The kind of isolation.
    public var kind: WorkloadKind
    /// The image as the user wrote it.
    public var imageReference: String
    /// The image's id, `sha256:…` of its configuration.
    public var imageID: String
    /// The workload's first process.
    public var process: ProcessSpec
    /// How many of `process.arguments` come from the entry point; only `inspect` shows the difference.
    public var entrypointCount: Int
    /// Host name inside the workload.
    public var hostname: String
    /// NIS domain name inside the workload; may be empty.
    public var domainname: String
    /// Labels of the user and of the image.
    public var labels: [String: String]
    /// Volumes, bind mounts and tmpfs, in the order of their targets' depth.
    public var mounts: [MountSpec]
    /// Whether the root file system is read-only.
    public var readOnlyRoot: Bool
    /// Limits on memory, processors and processes.
    public var limits: ResourceLimits
    /// What the workload may do.
    public var security: SecuritySpec
    /// Network attachment.
    public var network: NetworkMode
    /// The networks that it is on, the one of `network` first; empty for other modes.
    public var endpoints: [EndpointSpec]
    /// Its ports that the host passes on.
    public var ports: [PortSpec]
    /// Ports that its image or user names, as `80/tcp`.
    public var exposedPorts: [String]
    /// Whether every exposed port is published, at a port of the host's choice.
    public var publishesAllPorts: Bool
    /// What of the kernel it has for itself.
    public var namespaces: NamespaceSpec
    /// How it resolves names.
    public var resolver: ResolverSpec
    /// The host's control group in which its own is made, from the root of the hierarchy; empty for the daemon's.
    public var cgroupParent: String
    /// Most bytes that it may write to its root; `nil` is unlimited for a container and 16 GiB for a VM.
    public var storageSize: ByteCount?
    /// How a VM's writable disk lies in its file; `nil` is raw.
    public var storageFormat: StorageFormat?
    /// How the host caches a VM's writable disk; `nil` is writeback.
    public var storageCache: StorageCache?
    /// What runs a VM's processors; `nil` is what the engine has found to work.
    public var accelerator: Accelerator?
    /// Whether a tiny init runs as process 1 and reaps (`--init`).
    public var runInit: Bool
    /// The signal that `stop` sends first, for example 15.
    public var stopSignal: Int32
    /// Seconds between the stop signal and SIGKILL; negative waits for ever.
    public var stopTimeout: Int
    /// Where the output goes.
    public var log: LogOptions
    /// Whether the workload is started again when it has ended (`--restart`).
    public var restart: RestartPolicy
    /// How to find out whether it does its work.
    public var healthCheck: HealthCheck?
    /// Whether the workload is removed when it ends (`--rm`).
    public var removeOnExit: Bool
    /// Whether standard input is closed when the first attached client leaves.
    public var standardInputOnce: Bool
    /// Kernel parameters inside the workload's namespaces, `name: value`.
    public var sysctls: [String: String]
    /// Resource limits of each process.
    public var resourceLimits: [ProcessLimit]
    /// Extra device nodes.
    public var devices: [DeviceSpec]
    /// Access to device nodes by number, as `c 1:3 rwm`.
    public var deviceRules: [String]
    /// Size of `/dev/shm`.
    public var sharedMemorySize: ByteCount
    /// Further lines of `/etc/hosts`, as `name:address`.
    public var extraHosts: [String]
    /// The user's own words, as a JSON document: what `inspect` repeats and nothing else needs.
    public var request: String
    /// The user's annotations, which are in `request` too: a list of all workloads has no time to read that.
    public var annotations: [String: String]?
    /// Adjustment of the out-of-memory killer's score, −1,000–1,000.
    public var outOfMemoryScoreAdjustment: Int
    /// Whether it executes a step of a build, without which it means nothing.
    public var isBuildStep: Bool?

    /// Describes a workload with Docker's defaults.
    public init(
        kind: WorkloadKind, imageReference: String, imageID: String, process: ProcessSpec, hostname: String
    ) {
        self.kind = kind
        self.imageReference = imageReference
        self.imageID = imageID
        self.process = process
        self.hostname = hostname
        entrypointCount = 0
        domainname = ""
        labels = [:]
        mounts = []
        readOnlyRoot = false
        limits = ResourceLimits()
        security = SecuritySpec()
        network = .none
        endpoints = []
        ports = []
        exposedPorts = []
        publishesAllPorts = false
        namespaces = NamespaceSpec()
        resolver = ResolverSpec()
        cgroupParent = ""
        runInit = false
        stopSignal = 15
        stopTimeout = 10
        log = LogOptions()
        restart = .never
        removeOnExit = false
        standardInputOnce = false
        sysctls = [:]
        resourceLimits = []
        devices = []
        deviceRules = []
        request = ""
        sharedMemorySize = .mebibytes(64)
        extraHosts = []
        outOfMemoryScoreAdjustment = 0
    }
}

/// The name, soft and hard value of a process limit (`getrlimit(2)`); `UInt64.max` is unlimited.
public struct ProcessLimit: Hashable, Sendable, Codable {
    /// Docker's name, for example `nofile`.
    public var name: String
    /// The soft limit.
    public var soft: UInt64
    /// The hard limit.
    public var hard: UInt64

    /// Describes a limit.
    public init(name: String, soft: UInt64, hard: UInt64) {
        self.name = name
        self.soft = soft
        self.hard = hard
    }
}

/// A device of the host that the workload may use.
public struct DeviceSpec: Hashable, Sendable, Codable {
    /// Path on the host.
    public var hostPath: String
    /// Path in the workload.
    public var path: String
    /// Some of `rwm`: read, write, make a node.
    public var permissions: String

    /// Describes a device.
    public init(hostPath: String, path: String, permissions: String) {
        self.hostPath = hostPath
        self.path = path
        self.permissions = permissions
    }
}
