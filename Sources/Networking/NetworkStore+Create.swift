// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Netlink
import Synchronization
public import TandemModel

extension NetworkStore {
    /// Makes a network.
    ///
    /// Nothing is left of one that cannot be made.
    public func create(_ definition: NetworkDefinition) throws(EngineError) -> NetworkRecord {
        try check(name: definition.name)
        var record = NetworkRecord(
            id: WorkloadID.random().description, name: definition.name, driver: try driver(definition.driver),
            created: HostTime.now)
        record.labels = definition.labels
        record.options = definition.options
        record.isInternal = definition.isInternal
        record.isAttachable = definition.isAttachable
        record.hasIPv6 = definition.hasIPv6
        record.hasOwnAddresses = definition.pools.contains { !$0.subnet.isEmpty }
        try checkOptions(record)
        return try state.withLock { [record] state throws(EngineError) in
            var record = record
            guard !state.networks.values.contains(where: { $0.name == record.name }) else {
                throw EngineError(
                    .conflict, "network with name \(record.name) already exists",
                    hint: "Choose another name, or remove it: tandem network rm \(record.name)")
            }
            record.pools = try pools(definition, state)
            try records.save(record)
            state.add(record)
            do throws(EngineError) {
                try makeReady(record, &state)
            } catch {
                state.forget(record.id)
                try? records.remove(record.id)  // else the next daemon has a network without a use
                throw error
            }
            return record
        }
    }

    /// Removes a network that nobody is on.
    public func remove(_ id: String) throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            let record = try state.find(id)
            guard !record.isPredefined else {
                throw EngineError(
                    .permissionDenied, "\(record.name) is a pre-defined network and cannot be removed",
                    hint: "Networks of one's own can be removed.")
            }
            let users = state.users.filter { $0.value.endpoints.contains { $0.networkID == record.id } }.keys
            guard users.isEmpty else {
                throw EngineError(
                    .permissionDenied,
                    "error while removing network: network \(record.name) has active endpoints (\(users.map(\.short).sorted().joined(separator: ", ")))",
                    hint: "Stop or disconnect the workloads on it.")
            }
            try takeDown(record, &state)
            try records.remove(record.id)
            state.forget(record.id)
        }
    }

    private func driver(_ name: String) throws(EngineError) -> NetworkDriver {
        switch name {
        case "", "default", "bridge": return .bridge
        case "macvlan": return .macvlan
        case "vxlan": return .vxlan
        case "host", "null":
            throw EngineError(
                .permissionDenied, "only one instance of \"\(name)\" network is allowed",
                hint: "Use --network \(name == "null" ? "none" : name).")
        default:
            throw EngineError(
                .notFound, "plugin \"\(name)\" not found", hint: "Drivers are bridge, macvlan and vxlan.")
        }
    }

    private func check(name: String) throws(EngineError) {
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        let bytes = Array(name.utf8)
        guard let first = bytes.first, isWord(first),
            bytes.allSatisfy({ isWord($0) || [0x5F, 0x2E, 0x2D].contains($0) }), name != "default"
        else {
            throw EngineError(
                .invalidArgument,
                "invalid network name: \(name): only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                hint: "Use letters, digits, '_', '.' and '-'.")
        }
    }

    private func checkOptions(_ record: NetworkRecord) throws(EngineError) {
        if let text = record.options["com.docker.network.driver.mtu"], UInt32(text) == nil {
            throw EngineError(.invalidArgument, "invalid MTU: \(text)", hint: "For example 1400.")
        }
        if let name = record.options["com.docker.network.bridge.name"] {
            guard !name.isEmpty, name.utf8.count <= 15, !name.contains(where: { "/\" \t\n".contains($0) }) else {
                throw EngineError(
                    .invalidArgument, "invalid bridge name: \(name)", hint: "An interface's name has at most 15 bytes.")
            }
        }
        if record.driver == .macvlan && (record.options["parent"] ?? "").isEmpty {
            throw EngineError(
                .invalidArgument, "a macvlan network needs an interface of the host", hint: "Add -o parent=eth0.")
        }
        if record.driver == .macvlan && record.isInternal {
            throw EngineError(
                .unsupported, "a macvlan network cannot be internal: it is on the wire of its parent",
                hint: "Use a bridge.")
        }
        if record.driver == .vxlan { try Self.checkTunnel(record) }
    }

    // MARK: Addresses

    private func pools(_ definition: NetworkDefinition, _ state: borrowing State) throws(EngineError) -> [AddressPool] {
        var pools: [AddressPool] = []
        for asked in definition.pools where !asked.subnet.isEmpty {
            guard let subnet = IPNetwork(asked.subnet) else {
                throw EngineError(
                    .invalidArgument, "invalid subnet \(asked.subnet): it is not ADDRESS/PREFIX",
                    hint: "For example 10.1.0.0/24.")
            }
            let taken = state.networks.values.flatMap { $0.pools.map(\.subnet) } + pools.map(\.subnet)
            guard !taken.contains(where: { $0.overlaps(subnet) }) else {
                throw EngineError(
                    .permissionDenied, "invalid pool request: Pool overlaps with other one on this address space",
                    hint: "`tandem network inspect` shows the subnets of the others.")
            }
            pools.append(try pool(subnet, asked))
        }
        for asked in definition.pools where asked.subnet.isEmpty {
            guard asked.gateway.isEmpty, asked.range.isEmpty else {
                throw EngineError(
                    .invalidArgument, "every ip-range or gateway must have a corresponding subnet",
                    hint: "Add --subnet.")
            }
        }
        if !pools.contains(where: { !$0.subnet.address.isIPv6 }) { pools.insert(try freePool(state), at: 0) }
        if definition.hasIPv6, !pools.contains(where: { $0.subnet.address.isIPv6 }) {
            let subnet = AddressPools.uniqueLocal()
            if let gateway = subnet.address(at: 1) { pools.append(AddressPool(subnet: subnet, gateway: gateway)) }
        }
        guard definition.hasIPv6 || !pools.contains(where: { $0.subnet.address.isIPv6 }) else {
            throw EngineError(
                .invalidArgument, "a subnet of IPv6 needs a network with IPv6", hint: "Add --ipv6.")
        }
        return pools.sorted { !$0.subnet.address.isIPv6 && $1.subnet.address.isIPv6 }
    }

    private func pool(_ subnet: IPNetwork, _ asked: NetworkDefinition.Pool) throws(EngineError) -> AddressPool {
        let gateway = try address(asked.gateway, in: subnet, "gateway") ?? subnet.address(at: 1) ?? subnet.address
        var pool = AddressPool(subnet: subnet, gateway: gateway)
        if !asked.range.isEmpty {
            guard let range = IPNetwork(asked.range), subnet.contains(range) else {
                throw EngineError(
                    .invalidArgument, "no matching subnet for range \(asked.range)", hint: "It has to be in \(subnet).")
            }
            pool.range = range
        }
        for (name, text) in asked.auxiliary {
            pool.auxiliary[name] = try address(text, in: subnet, "aux-address")
        }
        return pool
    }

    private func address(_ text: String, in subnet: IPNetwork, _ what: String) throws(EngineError) -> IPAddress? {
        guard !text.isEmpty else { return nil }
        guard let address = IPAddress(text), subnet.contains(address) else {
            throw EngineError(
                .invalidArgument, "no matching subnet for \(what) \(text)", hint: "It has to be in \(subnet).")
        }
        return address
    }

    /// A subnet that neither another network nor the host uses.
    func freePool(_ state: borrowing State) throws(EngineError) -> AddressPool {
        var taken = state.networks.values.flatMap { $0.pools.map(\.subnet) }
        taken += try hostNetworks()
        guard let subnet = AddressPools.first(avoiding: taken), let gateway = subnet.address(at: 1) else {
            throw EngineError(
                .resourceExhausted, "all predefined address pools have been fully subnetted",
                hint: "Remove networks that nobody uses (`tandem network prune`), or choose one with --subnet.")
        }
        return AddressPool(subnet: subnet, gateway: gateway)
    }

    /// Where the host has routes.
    func hostNetworks() throws(EngineError) -> [IPNetwork] {
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            return try socket.routes().filter { $0.prefix > 0 }.map {
                IPNetwork(IPAddress(bytes: $0.address), prefix: Int($0.prefix))
            }
        } catch {
            throw Self.failure("the host's routes cannot be read", error)
        }
    }
}

extension NetworkStore.State {
    mutating func forget(_ id: String) {
        networks[id] = nil
        allocators[id] = nil
        ready.remove(id)
    }
}
