// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Reads from a create request on which networks a workload is, with Docker's checks and words.
struct EndpointRequest {
    let body: JSONValue
    let host: JSONValue
    /// The workloads that `container:…` names, by what stands there.
    let joined: [String: WorkloadID]

    func mode() throws(EngineError) -> NetworkMode {
        if body["NetworkDisabled"].bool == true { return .none }
        let text = host["NetworkMode"].string ?? ""
        if let reference = NamespaceRequest.reference(text) {
            guard let id = joined[reference] else {
                throw EngineError(
                    .invalidArgument, "invalid network mode: \(text)", hint: "Name a workload after the colon.")
            }
            try refuseInJoined()
            return .joined(id)
        }
        switch text {
        case "", "default": return .network("bridge")
        case let name: return NetworkMode(rawValue: name) ?? .network("bridge")
        }
    }

    /// What belongs to the network's owner.
    private func refuseInJoined() throws(EngineError) {
        let conflicts: [(isThere: Bool, what: String)] = [
            (!(body["Hostname"].string ?? "").isEmpty, "hostname and the network mode"),
            (!host["Dns"].isEmpty, "dns and the network mode"),
            (!host["ExtraHosts"].isEmpty, "custom host-to-IP mapping and the network mode"),
            (!(body["MacAddress"].string ?? "").isEmpty, "mac-address and the network mode"),
            (
                !host["PortBindings"].isEmpty || host["PublishAllPorts"].bool == true,
                "port publishing and the container type network mode"
            ),
            (!body["ExposedPorts"].isEmpty, "port exposing and the container type network mode"),
        ]
        for conflict in conflicts where conflict.isThere {
            throw EngineError(
                .invalidArgument, "conflicting options: \(conflict.what)", hint: "Say it where the network is made.")
        }
    }

    func endpoints(for mode: NetworkMode) throws(EngineError) -> [EndpointSpec] {
        let configured = body["NetworkingConfig"]["EndpointsConfig"].object ?? [:]
        guard case .network(let first) = mode else {
            for (name, settings) in configured.sorted(by: { $0.key < $1.key }) where name != mode.rawValue {
                throw EngineError(
                    .invalidArgument,
                    "conflicting options: cannot attach both user-defined and non-user-defined network-modes: \(name)",
                    hint:
                        "Leave out --network \(mode.rawValue), or the others\(settings.isEmpty ? "" : " with their settings")."
                )
            }
            return []
        }
        let rest = configured.filter { $0.key != first && !(first == "bridge" && $0.key == "default") }
        var result = [
            try Self.endpoint(first, configured[first] ?? (first == "bridge" ? configured["default"] : nil) ?? .null)
        ]
        let priority = { (settings: JSONValue) in settings["GwPriority"].integer ?? settings["Priority"].integer ?? 0 }
        for (name, settings) in rest.sorted(by: { (-priority($0.value), $0.key) < (-priority($1.value), $1.key) }) {
            guard !["none", "host"].contains(name) else {
                throw EngineError(
                    .invalidArgument,
                    "container cannot be connected to network endpoints: \(name), \(first)",
                    hint: "Networks of Tandem's own can be combined, none and host cannot.")
            }
            result.append(try Self.endpoint(name, settings))
        }
        if let address = body["MacAddress"].string, !address.isEmpty, result[0].hardwareAddress == nil {
            result[0].hardwareAddress = try Self.hardwareAddress(address)
        }
        return result
    }

    /// One member of `EndpointsConfig`, or the `EndpointConfig` of `connect`.
    static func endpoint(_ network: String, _ settings: JSONValue) throws(EngineError) -> EndpointSpec {
        var endpoint = EndpointSpec(network: network)
        guard settings["Links"].isEmpty else {
            throw EngineError(
                .unsupported, "Links are not supported (workloads on one network find each other by name)",
                hint: "Use the other's name or an alias.")
        }
        endpoint.aliases = settings["Aliases"].strings ?? []
        endpoint.options = settings["DriverOpts"].stringMap ?? [:]
        for (member, isIPv6) in [("IPv4Address", false), ("IPv6Address", true)] {
            guard let text = settings["IPAMConfig"][member].string, !text.isEmpty else { continue }
            guard let address = IPAddress(text), address.isIPv6 == isIPv6 else {
                throw EngineError(
                    .invalidArgument,
                    "invalid endpoint settings: invalid \(isIPv6 ? "IPv6" : "IPv4") address: \(text)",
                    hint: "For example \(isIPv6 ? "2001:db8::7" : "10.1.0.7").")
            }
            endpoint.addresses.append(address)
        }
        if let text = settings["MacAddress"].string, !text.isEmpty {
            endpoint.hardwareAddress = try hardwareAddress(text)
        }
        return endpoint
    }

    private static func hardwareAddress(_ text: String) throws(EngineError) -> String {
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { ":-".contains($0) })
        let bytes = parts.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
        // A set lowest bit is a group's address, which no interface may have.
        guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0 else {
            throw EngineError(
                .invalidArgument, "\(text) is not a valid mac address", hint: "For example 02:42:ac:11:00:07.")
        }
        return parts.map { $0.lowercased() }.joined(separator: ":")
    }
}
