// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LaunchProtocol
import LinuxSystem
import Logging
public import Netlink
public import Networking
import StateStore
public import TandemModel

extension Engine {
    // MARK: Networks

    /// Makes a network.
    public func createNetwork(_ definition: NetworkDefinition) async throws(EngineError) -> NetworkRecord {
        let record = try await BlockingQueue.run { [networks] () throws(EngineError) in
            try networks.create(definition)
        }
        emitNetwork("create", record)
        return record
    }

    /// Removes a network that nobody is on.
    public func removeNetwork(_ reference: String) async throws(EngineError) {
        let record = try networks.network(reference)
        let end = HostTime.monotonic + 5_000_000_000
        while true {
            do throws(EngineError) {
                try await BlockingQueue.run { [networks] () throws(EngineError) in try networks.remove(record.id) }
                return emitNetwork("destroy", record)
            } catch {
                // Who has ended may not have been cleaned up yet.
                guard error.code == .permissionDenied, !record.isPredefined, members(of: record.id).isEmpty,
                    HostTime.monotonic < end
                else { throw error }
            }
            // Only the daemon's own end cancels this.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The running workloads that are on a network, with their names.
    public func members(of network: String) -> [(id: WorkloadID, name: String, endpoint: Endpoint)] {
        workloads.values.flatMap { workload in
            (workload.record.endpoints ?? []).filter { $0.networkID == network }.map {
                (workload.id, workload.record.name, $0)
            }
        }
    }

    /// Whether any workload, running or not, wants to be on a network.
    public func isUsed(_ network: NetworkRecord) -> Bool {
        workloads.values.contains { workload in
            workload.record.spec.endpoints.contains { $0.network == network.name || $0.network == network.id }
        }
    }

    /// What a workload's interfaces have carried, by their names inside.
    public nonisolated func traffic(of id: WorkloadID) async throws(EngineError) -> [String: LinkTraffic] {
        try await BlockingQueue.run { [networks] () throws(EngineError) in try networks.traffic(of: id) }
    }

    // MARK: A workload's places

    /// Sees to it that a workload names networks that there are, and addresses that they have.
    func checkNetworks(of spec: WorkloadSpec) throws(EngineError) {
        for endpoint in spec.endpoints { try networks.check(endpoint) }
    }

    /// Finds a place for a workload on each of its networks, and writes down which before anything is made there.
    func attach(_ workload: Workload) async throws(EngineError) -> NetworkAttachment {
        let (id, name, spec) = (workload.id, workload.record.name, workload.record.spec)
        guard !spec.endpoints.isEmpty else { return NetworkAttachment() }
        let attachment = try await BlockingQueue.run { [networks] () throws(EngineError) in
            let attachment = try networks.attach(id, name: name, spec)
            do throws(EngineError) {
                try networks.publishNames(of: id, name, spec)
            } catch {
                for descriptor in attachment.reservations { close(descriptor) }
                throw error
            }
            return attachment
        }
        workload.record.endpoints = attachment.places.map(\.endpoint)
        workload.record.publishedPorts = attachment.published
        do throws(EngineError) {
            try await state.save(workload.record)
        } catch {
            closeReservations(attachment)
            throw error
        }
        return attachment
    }

    /// The monitor has copies.
    func closeReservations(_ attachment: NetworkAttachment) {
        for descriptor in attachment.reservations { close(descriptor) }
    }

    /// The rest of what has to be done once a workload's links are there; nothing for most.
    nonisolated func completeNetworks(_ id: WorkloadID) throws(EngineError) { try networks.complete(id) }

    /// Gives a workload's places back; nothing of it may run any more.
    nonisolated func releaseNetworks(_ id: WorkloadID) async throws(EngineError) {
        try await BlockingQueue.run { [networks] () throws(EngineError) in try networks.release(id) }
    }

    /// How an interface is set up, and what it is connected to.
    func link(_ place: NetworkAttachment.Place, _ attachment: NetworkAttachment) -> WorkloadLink {
        var interface = Self.interface(place.endpoint, hasIPv6: place.hasIPv6, isDefault: place.hasDefaultRoute)
        interface.mtu = place.mtu
        let peer: WorkloadLink.Peer =
            switch place.attachesTo {
            case .bridge(let name): .bridge(name)
            case .wire(let name): .wire(name)
            }
        return WorkloadLink(
            interface: interface, peer: peer, hostName: place.endpoint.hostLink, group: attachment.group)
    }

    static func interface(_ endpoint: Endpoint, hasIPv6: Bool, isDefault: Bool) -> NetworkInterface {
        var interface = NetworkInterface(
            name: Bytes(endpoint.interface.utf8), hardwareAddress: hardwareAddress(endpoint.hardwareAddress))
        interface.hasIPv6 = hasIPv6
        interface.addresses = zip(endpoint.addresses, endpoint.prefixes).map {
            InterfaceAddress(bytes: $0.bytes, prefix: UInt8(clamping: $1))
        }
        if isDefault { interface.routes = endpoint.gateways.map { InterfaceRoute(gateway: $0.bytes) } }
        return interface
    }

    private static func hardwareAddress(_ text: String) -> Bytes {
        text.split(whereSeparator: { ":-".contains($0) }).compactMap { UInt8($0, radix: 16) }
    }

    /// What a workload's files say of its networks.
    func networkView(of spec: WorkloadSpec, _ endpoints: [Endpoint]) -> GeneratedFiles.NetworkView {
        var view = GeneratedFiles.NetworkView()
        view.hostGateway = try? networks.network("bridge").pools.first?.gateway  // it is always there
        switch spec.network {
        case .none, .host: break
        case .network:
            view.isPrivate = true
            view.addresses = endpoints.flatMap(\.addresses)
            view.nameServers = networks.nameServers(of: endpoints)
        case .joined(let id):
            view.isPrivate = true
            guard let donor = workloads[id]?.record else { break }
            view.addresses = (donor.endpoints ?? []).flatMap(\.addresses)
            view.nameServers = networks.nameServers(of: donor.endpoints ?? [])
            view.hostname = donor.spec.hostname
        }
        return view
    }

    // MARK: Events

    func emitNetwork(_ action: String, _ network: NetworkRecord, _ extra: [String: String] = [:]) {
        emit(
            type: "network", action: action, id: network.id,
            attributes: ["name": network.name, "type": network.driver.rawValue].merging(extra) { $1 })
    }

    /// Reports that a workload has come to, or left, its networks.
    func emitNetworks(_ action: String, of workload: Workload) {
        for endpoint in workload.record.endpoints ?? [] {
            // Removed meanwhile only if nobody was on it.
            guard let network = try? networks.network(endpoint.networkID) else { continue }
            emitNetwork(action, network, ["container": workload.id.description])
        }
    }
}
