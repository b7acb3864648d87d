// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Logging
import Netlink
import Synchronization
import SystemPackage
public import TandemModel

extension NetworkStore {
    static func failure(_ what: String, _ failure: NetlinkFailure) -> EngineError {
        EngineError(.internal, "\(what): \(String(cString: strerror(failure.errno)))")
    }

    /// The host's link of a network; empty for one that has none.
    func link(of record: NetworkRecord) -> String {
        switch record.driver {
        case .bridge, .vxlan:
            record.options["com.docker.network.bridge.name"]
                ?? (record.isDefault ? scope.defaultBridge : "br-\(record.id.prefix(12))")
        case .macvlan: record.options["parent"] ?? ""
        case .host, .null: ""
        }
    }

    /// Makes what a network needs on the host, unless it is there.
    func makeReady(_ record: NetworkRecord, _ state: inout State) throws(EngineError) {
        guard !state.ready.contains(record.id) else { return }
        switch record.driver {
        case .host, .null: return
        case .macvlan: try checkParent(record)
        case .bridge, .vxlan: try makeBridge(record, &state)
        }
        state.ready.insert(record.id)
        do throws(EngineError) {
            try setRules(&state)
            try startNameServer(of: record)
            if !record.isInternal, record.driver != .macvlan { allowForwarding(isIPv6: record.hasIPv6) }
        } catch {
            state.ready.remove(record.id)
            // What cannot be removed now, the next daemon finds by its group and folder.
            try? nameServer(of: record).stop()
            try? removeLinks(of: record)
            // Those that were set for it. What fails here is set with the next network's.
            try? setRules(&state)
            throw error
        }
    }

    private func checkParent(_ record: NetworkRecord) throws(EngineError) {
        let name = link(of: record)
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            guard try socket.link(named: Array(name.utf8)) == nil else { return }
        } catch {
            throw Self.failure("'\(name)' cannot be looked up", error)
        }
        throw EngineError(
            .invalidArgument, "the host has no interface '\(name)'", hint: "Name one that `ip link` shows.")
    }

    private func makeBridge(_ record: NetworkRecord, _ state: inout State) throws(EngineError) {
        let name = link(of: record)
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            if let present = try socket.link(named: Array(name.utf8)) {
                guard present.group == scope.group else {
                    throw NetlinkFailure(errno: EEXIST)
                }
                return  // an earlier daemon's
            }
            var link = NewLink(name: Array(name.utf8))
            link.group = scope.group
            link.mtu = record.mtu
            link.hardwareAddress = Self.hardwareAddress(record.pools.first?.gateway, record.id)
            link.isUp = false
            try socket.perform(.makeBridge(link))
            do throws(NetlinkFailure) {
                try configureBridge(record, name, socket)
            } catch {
                if let made = try socket.link(named: Array(name.utf8)) { try? socket.perform(.removeLink(made.index)) }
                throw error
            }
        } catch {
            guard error.errno != EEXIST else {
                throw EngineError(
                    .conflict, "the host has a link '\(name)' already, which is not of this daemon",
                    hint: "Choose another name: -o com.docker.network.bridge.name=NAME.")
            }
            throw Self.failure("the bridge '\(name)' of the network '\(record.name)' cannot be made", error)
        }
    }

    private func configureBridge(
        _ record: NetworkRecord, _ name: String, _ socket: borrowing NetlinkSocket
    ) throws(NetlinkFailure) {
        if !record.hasIPv6 { HostSetting("net/ipv6/conf/\(name)/disable_ipv6").set("1") }
        // Connections from 127.0.0.1 to published ports; what may come the other way, a rule says.
        if !record.isInternal { HostSetting("net/ipv4/conf/\(name)/route_localnet").set("1") }
        guard let made = try socket.link(named: Array(name.utf8)) else { throw NetlinkFailure(errno: ENODEV) }
        var messages = record.pools.map { pool in
            NetlinkMessage.addAddress(pool.gateway.bytes, prefix: UInt8(pool.subnet.prefix), to: made.index)
        }
        messages.append(.changeLink(made.index, isUp: true))
        try socket.perform(messages)
        if record.driver == .vxlan { try makeTunnel(record, bridge: made.index, socket) }
    }

    /// `02:42:` and the address, as Docker's; without an address, digits of the id.
    static func hardwareAddress(_ address: IPAddress?, _ id: String) -> [UInt8] {
        if let address, !address.isIPv6 { return [0x02, 0x42] + address.bytes }
        return [0x02, 0x42] + Array(id.utf8.prefix(4))
    }

    private func allowForwarding(isIPv6: Bool) {
        if HostSetting("net/ipv4/ip_forward").set("1", unless: "1") {
            logger.notice("switched net.ipv4.ip_forward on: the host passes packets of its networks on now")
        }
        if isIPv6, HostSetting("net/ipv6/conf/all/forwarding").set("1", unless: "1") {
            logger.notice("switched net.ipv6.conf.all.forwarding on: the host passes packets of its networks on now")
        }
    }

    // MARK: Removing

    /// Takes away what a network has on the host.
    func takeDown(_ record: NetworkRecord, _ state: inout State) throws(EngineError) {
        if Self.hasNames(record) { try nameServer(of: record).stop() }
        try removeLinks(of: record)
        state.ready.remove(record.id)
        try setRules(&state)
    }

    func removeLinks(of record: NetworkRecord) throws(EngineError) {
        guard record.driver == .bridge || record.driver == .vxlan else { return }
        let name = link(of: record)
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            for name in [name, Self.tunnelName(record)] {
                guard let link = try socket.link(named: Array(name.utf8)), link.group == scope.group else { continue }
                try socket.perform(.removeLink(link.index))
            }
        } catch {
            throw Self.failure("the bridge '\(name)' cannot be removed", error)
        }
    }

    /// Removes a workload's links on the host; those that are gone already are no failure.
    func remove(links names: [String]) throws(EngineError) {
        guard !names.isEmpty else { return }
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            for name in names {
                do throws(NetlinkFailure) {
                    guard let link = try socket.link(named: Array(name.utf8)) else { continue }
                    try socket.perform(.removeLink(link.index))
                } catch {
                    // It went with its namespace, or its guest, meanwhile.
                    guard error.errno == ENODEV else { throw error }
                }
            }
        } catch {
            throw Self.failure("the links \(names.joined(separator: ", ")) cannot be removed", error)
        }
    }

    /// Sets the ports of bridges up that a workload's links are: they are there, and it has not begun.
    public func complete(_ id: WorkloadID) throws(EngineError) {
        let (user, apart) = state.withLock { state in
            let user = state.users[id] ?? User()
            let apart = user.endpoints.filter { state.networks[$0.networkID]?.portsReachEachOther == false }
            return (user, Set(apart.map(\.hostLink)))
        }
        guard !user.published.isEmpty || !apart.isEmpty else { return }
        do throws(NetlinkFailure) {
            let socket = try NetlinkSocket()
            for endpoint in user.endpoints where !endpoint.hostLink.isEmpty {
                guard let link = try socket.link(named: Array(endpoint.hostLink.utf8)) else { continue }
                // A workload may reach itself by its ports on the host.
                if !user.published.isEmpty { try socket.perform(.reflectPort(link.index)) }
                if apart.contains(endpoint.hostLink) { try socket.perform(.isolatePort(link.index, true)) }
            }
        } catch {
            throw Self.failure("the bridge ports of '\(id.short)' cannot be set up", error)
        }
    }

    /// Removes the links of ours that belong to nobody any more.
    ///
    /// To be called once everybody who still runs has been adopted.
    public func sweep() throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            let used = Set(state.users.values.flatMap { $0.endpoints.map(\.hostLink) })
            let inUse = Set(state.users.values.flatMap { $0.endpoints.map(\.networkID) })
            let bridges = Set(
                state.networks.values.filter { inUse.contains($0.id) }.flatMap {
                    [link(of: $0), Self.tunnelName($0)]
                })
            do throws(NetlinkFailure) {
                let socket = try NetlinkSocket()
                for link in try socket.links() where link.group == scope.group {
                    let name = String(decoding: link.name, as: UTF8.self)
                    guard !used.contains(name), !bridges.contains(name) else { continue }
                    do throws(NetlinkFailure) {
                        try socket.perform(.removeLink(link.index))
                    } catch {
                        guard error.errno == ENODEV else { throw error }
                    }
                }
            } catch {
                throw Self.failure("links of an earlier daemon cannot be removed", error)
            }
            state.ready = inUse
            try setRules(&state, removingThoseOfEarlier: Folders.names(in: folder).contains(Self.rulesMark))
            try sweepNames(state)
        }
    }

    /// Takes everything away that no workload needs; networks are made again when they are used.
    public func shutDown() throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            let inUse = Set(state.users.values.flatMap { $0.endpoints.map(\.networkID) })
            for id in state.ready.subtracting(inUse) {
                guard let record = state.networks[id] else { continue }
                if Self.hasNames(record) { try nameServer(of: record).stop() }
                try removeLinks(of: record)
                state.ready.remove(id)
            }
            try setRules(&state)
        }
    }

    // MARK: Rules

    /// Its name in the run folder says that there may be rules, so that most daemons need not look.
    static let rulesMark = "rules"

    func setRules(_ state: inout State, removingThoseOfEarlier: Bool = false) throws(EngineError) {
        var rules = FirewallRules()
        for record in state.networks.values.sorted(by: { $0.id < $1.id }) {
            guard state.ready.contains(record.id), record.driver == .bridge || record.driver == .vxlan else { continue }
            var bridge = FirewallRules.Bridge(link: link(of: record), subnets: record.pools.map(\.subnet))
            bridge.isInternal = record.isInternal
            bridge.isMasqueraded = record.options["com.docker.network.bridge.enable_ip_masquerade"] != "false"
            bridge.portsReachEachOther = record.portsReachEachOther
            rules.bridges.append(bridge)
        }
        for (_, user) in state.users.sorted(by: { $0.key.description < $1.key.description }) {
            for port in user.published {
                guard let target = state.target(of: port, user) else { continue }
                rules.ports.append(FirewallRules.Port(published: port, target: target))
            }
        }
        let hadRules = state.firewall.hasRules || removingThoseOfEarlier
        guard !rules.isEmpty || hadRules else { return }
        let mark = folder.appending(Self.rulesMark)
        if !hadRules { try Folders.make(mark) }
        try state.firewall.apply(rules)
        if rules.isEmpty { try Folders.remove(mark) }
    }
}

extension NetworkStore.State {
    /// The workload's address to which a port is passed on: on its first network with a way out.
    func target(of port: PublishedPort, _ user: NetworkStore.User) -> IPAddress? {
        for endpoint in user.endpoints {
            guard let network = networks[endpoint.networkID], !network.isInternal, network.driver != .macvlan else {
                continue
            }
            if let address = endpoint.addresses.first(where: { $0.isIPv6 == port.hostAddress.isIPv6 }) {
                return address
            }
        }
        return nil
    }
}

extension NetworkRecord {
    /// Its largest packet; 0 for the usual one.
    var mtu: UInt32 {
        // What the tunnel puts around a packet has to fit as well.
        UInt32(options["com.docker.network.driver.mtu"] ?? "") ?? (driver == .vxlan ? 1450 : 0)
    }

    var portsReachEachOther: Bool { options["com.docker.network.bridge.enable_icc"] != "false" }
}
