// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization
import SystemPackage
public import TandemModel

extension NetworkStore {
    /// Whether workloads find each other by name on a network.
    static func hasNames(_ record: NetworkRecord) -> Bool {
        !record.isDefault && (record.driver == .bridge || record.driver == .vxlan)
    }

    func nameServer(of record: NetworkRecord) -> NameServer {
        NameServer(folder: folder.appending(String(record.id.prefix(12))))
    }

    func startNameServer(of record: NetworkRecord) throws(EngineError) {
        guard Self.hasNames(record) else { return }
        try nameServer(of: record).start(
            link: link(of: record), addresses: record.pools.map(\.gateway),
            forwards: !record.isInternal && record.driver != .vxlan && HostResolver.servers.isEmpty)
    }

    /// Says which names a workload has on its networks, all of them anew.
    public func publishNames(of id: WorkloadID, _ name: String, _ spec: WorkloadSpec) throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            for endpoint in state.users[id]?.endpoints ?? [] {
                guard let record = state.networks[endpoint.networkID], Self.hasNames(record) else { continue }
                let wanted = spec.endpoints.first { record.isMeant(by: $0.network) }
                var names = [name] + (wanted?.aliases ?? []) + [id.short]
                if spec.hostname != id.short { names.append(spec.hostname) }
                try nameServer(of: record).write(id, names, endpoint.addresses)
            }
        }
    }

    func withdrawNames(
        of id: WorkloadID, _ endpoint: Endpoint, _ state: borrowing State
    ) throws(EngineError) {
        guard let record = state.networks[endpoint.networkID], Self.hasNames(record) else { return }
        try nameServer(of: record).remove(id.short)
    }

    /// The name servers of a workload's networks.
    public func nameServers(of endpoints: [Endpoint]) -> [IPAddress] {
        state.withLock { state in
            endpoints.flatMap { endpoint -> [IPAddress] in
                guard let record = state.networks[endpoint.networkID], Self.hasNames(record) else { return [] }
                // Checked when the network was made.
                let others = (try? Self.remoteNameServers(of: record)) ?? []
                return (record.pools.first.map { [$0.gateway] } ?? []) + others
            }
        }
    }

    /// Ends servers that belong to no network in use, and starts those that have ended.
    func sweepNames(_ state: borrowing State) throws(EngineError) {
        let inUse = state.ready.compactMap { state.networks[$0] }.filter(Self.hasNames)
        let kept = Set(inUse.map { String($0.id.prefix(12)) })
        for name in Folders.names(in: folder)
        where !kept.contains(name) && name != Self.rulesMark {
            try NameServer(folder: folder.appending(name)).stop()
        }
        let users = Set(state.users.keys.map(\.short))
        for record in inUse {
            try startNameServer(of: record)
            let server = nameServer(of: record)
            for short in server.workloads where !users.contains(short) { try server.remove(short) }
        }
    }
}

extension NetworkRecord {
    /// Whether a user's word names it.
    func isMeant(by reference: String) -> Bool { reference == name || id.hasPrefix(reference) }
}
