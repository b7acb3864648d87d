// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import NIOHTTP1
import Networking
import TandemModel

extension API {
    func listNetworks(_ call: Call) async throws(EngineError) {
        let filter = try NetworkFilter(try call.request.filters())
        var rows: [JSONValue] = []
        for network in engine.networks.all where filter.matches(network, isUsed: await engine.isUsed(network)) {
            rows.append(NetworkDocument.network(network, members: []))
        }
        try await call.connection.respond(.array(rows))
    }

    func inspectNetwork(_ call: Call) async throws(EngineError) {
        let network = try engine.networks.network(call["id"])
        let members = await engine.members(of: network.id)
        try await call.connection.respond(NetworkDocument.network(network, members: members))
    }

    func createNetwork(_ call: Call) async throws(EngineError) {
        let network = try await engine.createNetwork(try Self.definition(try await call.request.json()))
        try await call.connection.respond(["Id": .string(network.id), "Warning": ""], .created)
    }

    static func definition(_ body: JSONValue) throws(EngineError) -> NetworkDefinition {
        var definition = NetworkDefinition(name: body["Name"].string ?? "")
        definition.driver = body["Driver"].string ?? ""
        definition.labels = body["Labels"].stringMap ?? [:]
        definition.options = body["Options"].stringMap ?? [:]
        definition.isInternal = body["Internal"].bool ?? false
        definition.isAttachable = body["Attachable"].bool ?? false
        definition.hasIPv6 = body["EnableIPv6"].bool ?? false
        for (member, sentence) in [
            ("Ingress", "ingress networks need swarm mode, which Tandem does not know"),
            ("ConfigOnly", "networks that are only a configuration are not supported"),
        ] where body[member].bool == true {
            throw EngineError(.unsupported, sentence, hint: "Leave out \(member).")
        }
        guard (body["ConfigFrom"]["Network"].string ?? "").isEmpty else {
            throw EngineError(
                .unsupported, "networks made from another one's configuration are not supported",
                hint: "Leave out ConfigFrom.")
        }
        guard body["EnableIPv4"].bool != false else {
            throw EngineError(.unsupported, "a network without IPv4 is not supported", hint: "Leave out EnableIPv4.")
        }
        let scope = body["Scope"].string ?? ""
        guard ["", "local"].contains(scope) else {
            throw EngineError(.unsupported, "the scope '\(scope)' needs swarm mode", hint: "Leave it out.")
        }
        let driver = body["IPAM"]["Driver"].string ?? ""
        guard ["", "default"].contains(driver) else {
            throw EngineError(.notFound, "could not find IPAM driver '\(driver)'", hint: "Leave it out.")
        }
        for config in body["IPAM"]["Config"].array ?? [] {
            var pool = NetworkDefinition.Pool()
            pool.subnet = config["Subnet"].string ?? ""
            pool.range = config["IPRange"].string ?? ""
            pool.gateway = config["Gateway"].string ?? ""
            pool.auxiliary = config["AuxiliaryAddresses"].stringMap ?? config["AuxAddress"].stringMap ?? [:]
            definition.pools.append(pool)
        }
        return definition
    }

    func removeNetwork(_ call: Call) async throws(EngineError) {
        try await engine.removeNetwork(call["id"])
        try await call.connection.respond(.noContent)
    }

    func connectNetwork(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        let endpoint = try EndpointRequest.endpoint(call["id"], body["EndpointConfig"])
        try await engine.connect(body["Container"].string ?? "", endpoint)
        try await call.connection.respond(.ok)
    }

    func disconnectNetwork(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        try await engine.disconnect(
            body["Container"].string ?? "", from: call["id"], force: body["Force"].bool ?? false)
        try await call.connection.respond(.ok)
    }

    func pruneNetworks(_ call: Call) async throws(EngineError) {
        let filter = try PruneFilter(try call.request.filters())
        var removed: [String] = []
        for network in engine.networks.all where !network.isPredefined {
            guard filter.includes(created: network.created, labels: network.labels), await !engine.isUsed(network)
            else { continue }
            do throws(EngineError) {
                try await engine.removeNetwork(network.id)
                removed.append(network.name)
            } catch  where error.code == .permissionDenied || error.code == .notFound {
                // In use meanwhile, or somebody else was quicker.
            }
        }
        await engine.emit(type: "network", action: "prune", attributes: ["reclaimed": "0"])
        try await call.connection.respond(["NetworksDeleted": removed.isEmpty ? nil : .strings(removed)])
    }
}
