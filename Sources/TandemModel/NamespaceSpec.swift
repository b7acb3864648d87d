// SPDX-License-Identifier: Apache-2.0

/// Which of the kernel's namespaces a workload has for itself.
public struct NamespaceSpec: Hashable, Sendable, Codable {
    /// Whose processes it sees.
    public enum Processes: Hashable, Sendable, Codable {
        /// Its own alone.
        case own
        /// Those of the host.
        case host
        /// Those of another workload.
        case joined(WorkloadID)
    }

    /// Whose shared memory, semaphores and message queues it sees.
    public enum Communication: Hashable, Sendable, Codable {
        /// Its own alone.
        case own
        /// Its own, which other workloads may join.
        case shareable
        /// Its own, without `/dev/shm`.
        case withoutSharedMemory
        /// Those of the host.
        case host
        /// Those of another workload.
        case joined(WorkloadID)
    }

    /// Docker's `PidMode`.
    public var processes = Processes.own
    /// Docker's `IpcMode`.
    public var communication = Communication.own
    /// Whether it has the host's name: Docker's `UTSMode`.
    public var sharesHostName = false
    /// Whether it sees the control groups of the host around its own: Docker's `CgroupnsMode`.
    public var sharesControlGroups = false

    /// All of them.
    public init() {}

    /// The workloads that have to run for this one to start.
    public var joinedWorkloads: [WorkloadID] {
        var joined: [WorkloadID] = []
        if case .joined(let id) = processes { joined.append(id) }
        if case .joined(let id) = communication { joined.append(id) }
        return joined
    }
}
