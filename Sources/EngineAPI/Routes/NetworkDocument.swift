// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Networks, and workloads' places on them, in the form of Docker's API.
enum NetworkDocument {
    // MARK: A workload's

    /// `NetworkSettings` of a workload.
    static func settings(_ record: WorkloadRecord) -> JSONValue {
        let networks = endpoints(record)
        var document: JSONValue = [
            "Bridge": "", "SandboxID": "", "HairpinMode": false, "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0, "Ports": portMap(record), "SandboxKey": "", "SecondaryIPAddresses": nil,
            "SecondaryIPv6Addresses": nil, "EndpointID": "", "Gateway": "", "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0, "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "MacAddress": "",
            "Networks": networks,
        ]
        // The default network stands here too.
        for (name, value) in networks["bridge"].object ?? [:] where document[name] == "" || document[name] == 0 {
            document[name] = value
        }
        if record.isRunning { document["SandboxID"] = .string(record.id.description) }
        return document
    }

    /// `Networks` of a workload.
    static func endpoints(_ record: WorkloadRecord) -> JSONValue {
        let spec = record.spec
        guard case .network = spec.network else {
            if case .joined = spec.network { return [:] }
            return .object([spec.network.rawValue: nowhere])
        }
        var documents: [String: JSONValue] = [:]
        for wanted in spec.endpoints {
            let found = record.endpoints?.first {
                $0.networkName == wanted.network || $0.networkID == wanted.network
                    || $0.networkID.hasPrefix(wanted.network)
            }
            documents[found?.networkName ?? wanted.network] = endpoint(found, wanted, record)
        }
        return .object(documents)
    }

    /// Made once: a list has one for each workload without a network.
    private static let nowhere: JSONValue = [
        "IPAMConfig": nil, "Links": nil, "Aliases": nil, "NetworkID": "", "EndpointID": "", "Gateway": "",
        "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        "MacAddress": "", "DriverOpts": nil, "DNSNames": nil,
    ]

    private static func endpoint(
        _ endpoint: Endpoint?, _ wanted: EndpointSpec?, _ record: WorkloadRecord
    ) -> JSONValue {
        let place = { (isIPv6: Bool) -> (address: String, prefix: Int, gateway: String) in
            guard let endpoint, let index = endpoint.addresses.firstIndex(where: { $0.isIPv6 == isIPv6 }) else {
                return ("", 0, "")
            }
            return (
                endpoint.addresses[index].description, endpoint.prefixes[index], endpoint.gateways[index].description
            )
        }
        let (four, six) = (place(false), place(true))
        var document: JSONValue = [
            "IPAMConfig": nil, "Links": nil, "Aliases": nil, "NetworkID": .string(endpoint?.networkID ?? ""),
            "EndpointID": .string(endpoint?.id ?? ""), "Gateway": .string(four.gateway),
            "IPAddress": .string(four.address), "IPPrefixLen": .count(four.prefix), "IPv6Gateway": .string(six.gateway),
            "GlobalIPv6Address": .string(six.address), "GlobalIPv6PrefixLen": .count(six.prefix),
            "MacAddress": .string(endpoint?.hardwareAddress ?? ""), "DriverOpts": nil, "DNSNames": nil,
        ]
        guard let wanted else { return document }
        if wanted.network != "bridge" {
            // dockerd adds the short id, by which others find it.
            document["Aliases"] = .strings(wanted.aliases + [record.id.short])
            document["DNSNames"] = .strings([record.name] + wanted.aliases + [record.id.short])
        }
        if !wanted.options.isEmpty { document["DriverOpts"] = .map(wanted.options) }
        if !wanted.addresses.isEmpty {
            var addresses: JSONValue = [:]
            for address in wanted.addresses {
                addresses[address.isIPv6 ? "IPv6Address" : "IPv4Address"] = .string(address.description)
            }
            document["IPAMConfig"] = addresses
        }
        return document
    }

    /// `Ports` of `NetworkSettings`.
    private static func portMap(_ record: WorkloadRecord) -> JSONValue {
        guard record.isRunning, case .network = record.spec.network else { return [:] }
        var ports: [String: JSONValue] = [:]
        for name in record.spec.exposedPorts { ports[name] = .null }
        for published in record.publishedPorts ?? [] {
            let binding: JSONValue = [
                "HostIp": .string(published.hostAddress.description), "HostPort": .string(String(published.hostPort)),
            ]
            ports[published.name] = .array((ports[published.name]?.array ?? []) + [binding])
        }
        return .object(ports)
    }

    /// `Ports` of a row of `containers/json`.
    static func ports(_ record: WorkloadRecord) -> JSONValue {
        guard record.isRunning, case .network = record.spec.network else { return [] }
        var rows: [JSONValue] = []
        for name in record.spec.exposedPorts {
            let bindings = (record.publishedPorts ?? []).filter { $0.name == name }
            let parts = name.split(separator: "/")
            let row: JSONValue = [
                "PrivatePort": .count(parts.first.flatMap { Int($0) } ?? 0),
                "Type": .string(String(parts.last ?? "tcp")),
            ]
            if bindings.isEmpty { rows.append(row) }
            for binding in bindings {
                var published = row
                published["IP"] = .string(binding.hostAddress.description)
                published["PublicPort"] = .count(binding.hostPort)
                rows.append(published)
            }
        }
        return .array(rows)
    }

    // MARK: Networks

    /// A network's workloads, as the engine knows them.
    typealias Member = (id: WorkloadID, name: String, endpoint: Endpoint)

    /// A network; with its workloads for `inspect`, whereas a list leaves them out.
    static func network(_ record: NetworkRecord, members: [Member]) -> JSONValue {
        [
            "Name": .string(record.name), "Id": .string(record.id), "Created": .string(record.created.rfc3339),
            "Scope": "local", "Driver": .string(record.driver.rawValue), "EnableIPv4": true,
            "EnableIPv6": .bool(record.hasIPv6),
            "IPAM": [
                "Driver": "default", "Options": record.isPredefined ? nil : [:],
                "Config": .array(record.pools.map(pool)),
            ],
            "Internal": .bool(record.isInternal), "Attachable": .bool(record.isAttachable), "Ingress": false,
            "ConfigFrom": ["Network": ""], "ConfigOnly": false,
            "Containers": .object(Dictionary(members.map { ($0.id.description, member($0)) }) { $1 }),
            "Options": .map(record.options), "Labels": .map(record.labels),
        ]
    }

    private static func pool(_ pool: AddressPool) -> JSONValue {
        var document: JSONValue = [
            "Subnet": .string(pool.subnet.description), "Gateway": .string(pool.gateway.description),
        ]
        if let range = pool.range { document["IPRange"] = .string(range.description) }
        if !pool.auxiliary.isEmpty { document["AuxiliaryAddresses"] = .map(pool.auxiliary.mapValues(\.description)) }
        return document
    }

    private static func member(_ member: Member) -> JSONValue {
        let address = { (isIPv6: Bool) -> String in
            guard let index = member.endpoint.addresses.firstIndex(where: { $0.isIPv6 == isIPv6 }) else { return "" }
            return "\(member.endpoint.addresses[index])/\(member.endpoint.prefixes[index])"
        }
        return [
            "Name": .string(member.name), "EndpointID": .string(member.endpoint.id),
            "MacAddress": .string(member.endpoint.hardwareAddress), "IPv4Address": .string(address(false)),
            "IPv6Address": .string(address(true)),
        ]
    }
}
