// SPDX-License-Identifier: Apache-2.0

/// Everything that is known about a workload beyond the life of the daemon.
public struct WorkloadRecord: Hashable, Sendable, Codable {
    /// Identity.
    public var id: WorkloadID
    /// Name without a leading slash; unique.
    public var name: String
    /// What is wanted.
    public var spec: WorkloadSpec
    /// Where it stands.
    public var state: WorkloadState
    /// When it was made.
    public var created: Timestamp
    /// When it was last started.
    public var started: Timestamp?
    /// When it last ended.
    public var finished: Timestamp?
    /// How it last ended.
    public var exit: ExitStatus?
    /// Why the last start failed; empty if it did not.
    public var error: String
    /// How many times its restart policy has started it since the user did.
    public var restartCount: Int
    /// Whether the user has stopped it since it was last started.
    public var stoppedByUser: Bool
    /// What its health check has found since it was first started.
    public var health: Health?
    /// The last start's phases.
    public var trace: StartupTrace?
    /// Where it is on its networks while it runs.
    public var endpoints: [Endpoint]?
    /// The endpoint that it is getting, or losing, while it runs; what the daemon does not come to the end of, the next one
    /// takes back, or to its end.
    public var changingEndpoint: Endpoint?
    /// Ports of the host that are passed on to it while it runs.
    public var publishedPorts: [PublishedPort]?
    /// While it is being made or removed: the volumes that go with it if the daemon does not come to the end of that, but
    /// the next one has to.
    public var doomedVolumes: [String]?

    /// Describes a new workload.
    public init(id: WorkloadID, name: String, spec: WorkloadSpec, created: Timestamp) {
        self.id = id
        self.name = name
        self.spec = spec
        self.created = created
        state = .created
        error = ""
        restartCount = 0
        stoppedByUser = false
    }

    /// Whether its first process runs, frozen or not.
    public var isRunning: Bool { state == .running || state == .paused }

    /// Whether it runs, or is about to by itself: Docker's `Running`.
    public var isActive: Bool { isRunning || state == .restarting }
}
