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
    /// The last start's phases.
    public var trace: StartupTrace?

    /// Describes a new workload.
    public init(id: WorkloadID, name: String, spec: WorkloadSpec, created: Timestamp) {
        self.id = id
        self.name = name
        self.spec = spec
        self.created = created
        state = .created
        error = ""
    }

    /// Whether its first process runs, frozen or not.
    public var isRunning: Bool { state == .running || state == .paused }
}
