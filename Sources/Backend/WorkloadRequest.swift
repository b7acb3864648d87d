// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
public import SystemPackage
public import TandemModel

/// A workload with everything found that it names: what a backend needs to make a plan.
public struct WorkloadRequest: Sendable {
    /// Identity, from which all names on the host derive.
    public var id: WorkloadID
    /// Name; empty where it does not matter yet.
    public var name = ""
    /// What the user wants.
    public var spec: WorkloadSpec
    /// The host processes of the workloads that it joins, by their ids; those that do not run are left out.
    public var joinedProcesses: [WorkloadID: Int32] = [:]
    /// The image's layer files (EROFS), lowest first.
    public var layers: [LayerFile]
    /// `spec.mounts` with volumes replaced by their folders, in the same order.
    public var mounts: [ResolvedMount]
    /// Its interfaces, each with what it is connected to; empty where it has no networks, or has not found its places yet.
    public var links: [WorkloadLink] = []
    /// Descriptors that are to live as long as its monitor; they belong to whoever has made the request.
    public var reservations: [Int32] = []
    /// Files that the engine generates, such as `/etc/hosts`.
    public var files: [FileContent]
    /// Folder for what must survive a reboot: the writable layer.
    ///
    /// `<data root>/workloads/<id>`.
    public var dataDirectory: FilePath
    /// Folder for what need not: sockets, mount points.
    ///
    /// `<run root>/workloads/<id>`.
    public var runDirectory: FilePath

    /// Describes a request.
    public init(
        id: WorkloadID, spec: WorkloadSpec, layers: [LayerFile], mounts: [ResolvedMount], files: [FileContent],
        dataDirectory: FilePath, runDirectory: FilePath
    ) {
        self.id = id
        self.spec = spec
        self.layers = layers
        self.mounts = mounts
        self.files = files
        self.dataDirectory = dataDirectory
        self.runDirectory = runDirectory
    }
}

/// An interface of a workload and what it is connected to on the host.
public struct WorkloadLink: Sendable, Hashable {
    /// What it is connected to.
    public enum Peer: Sendable, Hashable {
        /// A bridge.
        case bridge(String)
        /// The wire of one of the host's interfaces.
        case wire(String)
    }

    /// How it is set up inside.
    public var interface: NetworkInterface
    /// What it is connected to.
    public var peer: Peer
    /// Name of the link on the host, where there is one.
    public var hostName: String
    /// The number by which the host's links of this daemon are found again.
    public var group: UInt32

    /// Describes an interface.
    public init(interface: NetworkInterface, peer: Peer, hostName: String, group: UInt32) {
        self.interface = interface
        self.peer = peer
        self.hostName = hostName
        self.group = group
    }
}

/// One image layer as a file.
public struct LayerFile: Sendable, Hashable {
    /// The layer's diff id, `sha256:…` of its uncompressed tar.
    public var diffID: String
    /// The EROFS file.
    public var path: FilePath

    /// Describes a layer.
    public init(diffID: String, path: FilePath) {
        self.diffID = diffID
        self.path = path
    }
}

/// A mount whose source is known on the host.
public struct ResolvedMount: Sendable, Hashable {
    /// As the user asked.
    public var spec: MountSpec
    /// File or folder on the host; `nil` for tmpfs.
    public var hostPath: FilePath?
    /// Whether the source is a folder.
    public var sourceIsDirectory: Bool

    /// Describes a mount.
    public init(spec: MountSpec, hostPath: FilePath?, sourceIsDirectory: Bool) {
        self.spec = spec
        self.hostPath = hostPath
        self.sourceIsDirectory = sourceIsDirectory
    }
}

/// A lowered request, ready to be carried out.
public struct WorkloadPlan: Sendable {
    /// The request that it came from.
    public var request: WorkloadRequest
    /// What the monitor will be told.
    public var monitor: MonitorPlan

    /// Combines a request and its lowering.
    public init(request: WorkloadRequest, monitor: MonitorPlan) {
        self.request = request
        self.monitor = monitor
    }
}
