// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
public import Netlink
import Synchronization
public import TandemModel

extension NetworkStore {
    /// Finds a place for a workload on each of its networks, and reserves its ports.
    ///
    /// All or nothing.
    public func attach(
        _ id: WorkloadID, name: String, _ spec: WorkloadSpec
    ) throws(EngineError) -> NetworkAttachment {
        try state.withLock { state throws(EngineError) in
            var attachment = NetworkAttachment()
            attachment.group = scope.group
            do throws(EngineError) {
                for wanted in spec.endpoints {
                    let number = attachment.places.count
                    attachment.places.append(try place(id, wanted, number, &state))
                }
                Self.chooseDefaultRoute(&attachment, state)
                var user = User()
                user.endpoints = attachment.places.map(\.endpoint)
                try reservePorts(spec, user, name, &attachment, state)
                user.published = attachment.published
                state.users[id] = user
                if !user.published.isEmpty { try setRules(&state) }
            } catch {
                for descriptor in attachment.reservations { close(descriptor) }
                state.users[id] = nil
                for place in attachment.places { state.giveBack(place.endpoint) }
                throw error
            }
            return attachment
        }
    }

    /// Sees to it that an endpoint can be: that there is the network, and that it has the addresses.
    public func check(_ wanted: EndpointSpec) throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            try State.checkAddresses(try state.find(wanted.network), wanted)
        }
    }

    /// Takes everything back that a workload has; nothing of it may run any more.
    public func release(_ id: WorkloadID) throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            guard let user = state.users[id] else { return }
            try remove(links: user.endpoints.map(\.hostLink).filter { !$0.isEmpty })
            state.users[id] = nil
            for endpoint in user.endpoints {
                try withdrawNames(of: id, endpoint, state)
                state.giveBack(endpoint)
            }
            if !user.published.isEmpty { try setRules(&state) }
        }
    }

    /// Knows again what a workload has that an earlier daemon has started.
    public func adopt(_ id: WorkloadID, _ endpoints: [Endpoint], _ published: [PublishedPort]) {
        guard !endpoints.isEmpty else { return }
        state.withLock { state in
            for endpoint in endpoints {
                for (index, address) in endpoint.addresses.enumerated() {
                    guard var allocators = state.allocators[endpoint.networkID], index < allocators.count else {
                        continue
                    }
                    _ = allocators[index].take(address)
                    state.allocators[endpoint.networkID] = allocators
                }
            }
            state.users[id] = User(endpoints: endpoints, published: published)
        }
    }

    /// What a workload's interfaces have carried, by their names inside.
    public func traffic(of id: WorkloadID) throws(EngineError) -> [String: LinkTraffic] {
        let endpoints = state.withLock { $0.users[id]?.endpoints ?? [] }
        guard endpoints.contains(where: { !$0.hostLink.isEmpty }) else { return [:] }
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            var result: [String: LinkTraffic] = [:]
            for endpoint in endpoints where !endpoint.hostLink.isEmpty {
                guard let link = try socket.link(named: Array(endpoint.hostLink.utf8)) else { continue }
                result[endpoint.interface] = link.traffic.reversed
            }
            return result
        } catch {
            throw Self.failure("the counters of the network cannot be read", error)
        }
    }

    // MARK: Places

    func place(
        _ id: WorkloadID, _ wanted: EndpointSpec, _ number: Int, _ state: inout State
    ) throws(EngineError) -> NetworkAttachment.Place {
        let record = try withOwnSubnet(try state.find(wanted.network), &state)
        try makeReady(record, &state)
        let isBridge = record.driver == .bridge || record.driver == .vxlan
        var endpoint = Endpoint(
            id: WorkloadID.random().description, networkID: record.id, networkName: record.name,
            interface: "eth\(number)", hostLink: isBridge ? NetworkScope.link(of: id, number) : "",
            hardwareAddress: "")
        endpoint.addresses = try state.takeAddresses(record, wanted)
        endpoint.prefixes = record.pools.map(\.subnet.prefix)
        endpoint.gateways = record.pools.map(\.gateway)
        let address = Self.hardwareAddress(endpoint.addresses.first, endpoint.id)
        endpoint.hardwareAddress =
            wanted.hardwareAddress
            ?? address.map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: ":")
        return NetworkAttachment.Place(
            endpoint: endpoint, spec: wanted,
            attachesTo: isBridge ? .bridge(link(of: record)) : .wire(link(of: record)),
            mtu: record.mtu,
            hasIPv6: record.hasIPv6, hasDefaultRoute: false)
    }

    /// The first network with a way out has the default route.
    private static func chooseDefaultRoute(_ attachment: inout NetworkAttachment, _ state: borrowing State) {
        for (index, place) in attachment.places.enumerated() {
            guard let network = state.networks[place.endpoint.networkID], !network.isInternal else { continue }
            attachment.places[index].hasDefaultRoute = true
            return
        }
    }
}

extension NetworkStore.State {
    /// Takes an address of each of a network's pools.
    mutating func takeAddresses(_ record: NetworkRecord, _ wanted: EndpointSpec) throws(EngineError) -> [IPAddress] {
        guard var allocators = allocators[record.id] else { return [] }
        try Self.checkAddresses(record, wanted)
        var addresses: [IPAddress] = []
        for index in allocators.indices {
            let pool = allocators[index].pool
            if let chosen = wanted.addresses.first(where: { pool.subnet.contains($0) }) {
                guard allocators[index].take(chosen) else {
                    throw EngineError(
                        .permissionDenied, "Address already in use",
                        hint: "\(chosen) belongs to another workload of the network '\(record.name)'.")
                }
                addresses.append(chosen)
            } else if let next = allocators[index].takeNext() {
                addresses.append(next)
            } else {
                throw EngineError(
                    .resourceExhausted,
                    "no available \(pool.subnet.address.isIPv6 ? "IPv6" : "IPv4") addresses on this network's address pools: \(record.name) (\(record.id))",
                    hint: "Disconnect workloads from it, or make one with a larger --subnet.")
            }
        }
        self.allocators[record.id] = allocators
        return addresses
    }

    static func checkAddresses(_ record: NetworkRecord, _ wanted: EndpointSpec) throws(EngineError) {
        for address in wanted.addresses {
            guard !record.isDefault else {
                throw EngineError(
                    .invalidArgument,
                    "invalid config for network bridge: invalid endpoint settings: user specified IP address is supported on user defined networks only",
                    hint: "Make a network with --subnet.")
            }
            guard record.pools.contains(where: { $0.subnet.contains(address) }) else {
                throw EngineError(
                    .invalidArgument,
                    "invalid endpoint settings: no configured subnet contains IP address \(address)",
                    hint:
                        "The network '\(record.name)' has \(record.pools.map(\.subnet.description).joined(separator: ", "))."
                )
            }
        }
    }

    /// Gives the addresses of an endpoint back.
    mutating func giveBack(_ endpoint: Endpoint) {
        guard var allocators = allocators[endpoint.networkID] else { return }
        for (index, address) in endpoint.addresses.enumerated() where index < allocators.count {
            allocators[index].release(address)
        }
        self.allocators[endpoint.networkID] = allocators
    }
}
