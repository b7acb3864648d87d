// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
public import Logging
import Synchronization
public import SystemPackage
public import TandemModel

/// Networks, their addresses, and what they need on the host: bridges, rules, reserved ports.
///
/// Its functions block for some milliseconds at most.
public final class NetworkStore: Sendable {
    /// Where records are kept.
    public struct Records: Sendable {
        var save: @Sendable (NetworkRecord) throws(EngineError) -> Void
        var remove: @Sendable (String) throws(EngineError) -> Void

        /// Names the two ways.
        public init(
            save: @escaping @Sendable (NetworkRecord) throws(EngineError) -> Void,
            remove: @escaping @Sendable (String) throws(EngineError) -> Void
        ) {
            self.save = save
            self.remove = remove
        }
    }

    let scope: NetworkScope
    /// Folder of what need not outlive a reboot.
    let folder: FilePath
    let records: Records
    let logger: Logger
    let state: Mutex<State>

    struct State {
        var networks: [String: NetworkRecord] = [:]
        var allocators: [String: [AddressAllocator]] = [:]
        var users: [WorkloadID: User] = [:]
        /// Networks whose links are there.
        var ready: Set<String> = []
        let firewall: Firewall
    }

    /// A workload that is on networks.
    struct User: Sendable {
        var endpoints: [Endpoint] = []
        var published: [PublishedPort] = []
    }

    /// Takes the records of an earlier daemon over, and adds the networks that are always there.
    ///
    /// Blocks.
    public init(
        scope: NetworkScope, folder: FilePath, known: [NetworkRecord], records: Records, logger: Logger
    ) throws(EngineError) {
        self.scope = scope
        self.folder = folder
        self.records = records
        self.logger = logger
        var state = State(firewall: Firewall(table: scope.table))
        for record in known { state.add(record) }
        self.state = Mutex(state)
        try addPredefined()
    }

    private func addPredefined() throws(EngineError) {
        let predefined: [(String, NetworkDriver)] = [("bridge", .bridge), ("host", .host), ("none", .null)]
        for (name, driver) in predefined {
            try state.withLock { state throws(EngineError) in
                guard !state.networks.values.contains(where: { $0.name == name }) else { return }
                var record = NetworkRecord(
                    id: WorkloadID.random().description, name: name, driver: driver, created: HostTime.now)
                if driver == .bridge {
                    record.options = Self.defaultOptions(bridge: scope.defaultBridge)
                    record.pools = [try freePool(state)]
                }
                try records.save(record)
                state.add(record)
            }
        }
    }

    /// As dockerd shows them.
    private static func defaultOptions(bridge: String) -> [String: String] {
        [
            "com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0", "com.docker.network.bridge.name": bridge,
            "com.docker.network.driver.mtu": "1500",
        ]
    }

    // MARK: Finding

    /// All networks, the oldest first.
    public var all: [NetworkRecord] {
        state.withLock { $0.networks.values.sorted { ($0.created, $0.name) < ($1.created, $1.name) } }
    }

    /// A network by name, id, or the beginning of an id.
    ///
    /// - Throws: `.notFound` in Docker's words.
    public func network(_ reference: String) throws(EngineError) -> NetworkRecord {
        try state.withLock { state throws(EngineError) in try state.find(reference) }
    }

    /// The workloads that are on a network, with where they are.
    public func endpoints(of network: String) -> [(workload: WorkloadID, endpoint: Endpoint)] {
        state.withLock { state in
            state.users.flatMap { id, user in
                user.endpoints.filter { $0.networkID == network }.map { (id, $0) }
            }
        }
    }
}

extension NetworkStore.State {
    mutating func add(_ record: NetworkRecord) {
        networks[record.id] = record
        allocators[record.id] = record.pools.map { AddressAllocator($0) }
    }

    func find(_ reference: String) throws(EngineError) -> NetworkRecord {
        let name = reference == "default" ? "bridge" : reference
        if let exact = networks[name] ?? networks.values.first(where: { $0.name == name }) { return exact }
        let fitting = name.isEmpty ? [] : networks.values.filter { $0.id.hasPrefix(name) }
        if fitting.count == 1 { return fitting[0] }
        guard fitting.isEmpty else {
            throw EngineError(
                .invalidArgument,
                "network \(reference) is ambiguous (\(fitting.count) matches found based on ID prefix)",
                hint: "Give more digits.")
        }
        throw EngineError(
            .notFound, "network \(reference) not found", hint: "`tandem network ls` lists what there is.")
    }
}
