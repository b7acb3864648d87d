// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser

/// The flags of `run` and `create` that are about networks.
struct NetworkOptions: ParsableArguments {
    @Option(
        name: [.long, .customLong("net")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("bridge, none, host, container:NAME or a network of one's own.", valueName: "network"))
    var network: [String] = []

    @Option(
        name: [.customShort("p", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Port of the host that is passed on.", valueName: "[address:][port:]port[/udp]"))
    var publish: [String] = []

    @Flag(name: [.customShort("P"), .long], help: "Publish every exposed port, at one of the host's choice.")
    var publishAll = false

    @Option(parsing: .unconditionalSingleValue, help: "Port that is named, but not published.")
    var expose: [String] = []

    @Option(help: "IPv4 address on the network.")
    var ip: String?

    @Option(help: "IPv6 address on the network.")
    var ip6: String?

    @Option(help: "Hardware address of the network card.")
    var macAddress: String?

    @Option(
        name: [.long, .customLong("net-alias")], parsing: .unconditionalSingleValue,
        help: "Further name on the network.")
    var networkAlias: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Links are refused: use a network of one's own.")
    var link: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Name server.")
    var dns: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Domain in which names are looked for.")
    var dnsSearch: [String] = []

    @Option(name: [.long, .customLong("dns-opt")], parsing: .unconditionalSingleValue, help: "Option of resolv.conf.")
    var dnsOption: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Line of /etc/hosts: NAME:ADDRESS; host-gateway is the host.")
    var addHost: [String] = []

    /// Puts what is asked for into the body of `containers/create`.
    func complete(_ body: inout JSONValue) throws {
        var host = body["HostConfig"]
        host["NetworkMode"] = .string(network.first.map(Self.name) ?? "default")
        host["ExtraHosts"] = .strings(addHost)
        if !dns.isEmpty { host["Dns"] = .strings(dns) }
        if !dnsSearch.isEmpty { host["DnsSearch"] = .strings(dnsSearch) }
        if !dnsOption.isEmpty { host["DnsOptions"] = .strings(dnsOption) }
        if !link.isEmpty { host["Links"] = .strings(link) }
        if publishAll { host["PublishAllPorts"] = true }
        var exposed: [String: JSONValue] = [:]
        for text in expose { exposed[text.contains("/") ? text : text + "/tcp"] = [:] }
        var bindings: [String: JSONValue] = [:]
        for text in publish {
            for (port, binding) in try PublishOption.parse(text) {
                bindings[port] = .array((bindings[port]?.array ?? []) + [binding])
                exposed[port] = [:]
            }
        }
        if !bindings.isEmpty { host["PortBindings"] = .object(bindings) }
        if !exposed.isEmpty { body["ExposedPorts"] = .object(exposed) }
        body["HostConfig"] = host
        if let endpoints = try endpoints() { body["NetworkingConfig"] = ["EndpointsConfig": .object(endpoints)] }
    }

    /// `name=` of the long form; the rest of it is read in `endpoints`.
    private static func name(_ text: String) -> String { fields(text)["name"]?.first ?? text }

    /// `name=NET,alias=A,ip=…`; empty for a plain name.
    private static func fields(_ text: String) -> [String: [String]] {
        guard text.contains("=") else { return [:] }
        var fields: [String: [String]] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            fields[pair[0], default: []].append(pair.count > 1 ? pair[1] : "")
        }
        return fields
    }

    private func endpoints() throws -> [String: JSONValue]? {
        var endpoints: [String: JSONValue] = [:]
        for (index, text) in (network.isEmpty ? ["default"] : network).enumerated() {
            let fields = Self.fields(text)
            for name in fields.keys.sorted()
            where !["name", "alias", "ip", "ip6", "mac-address", "driver-opt", "gw-priority"].contains(name) {
                throw CommandFailure(125, "invalid field key \(name) for \"--network\"", hint: "Use name, alias, ip.")
            }
            var endpoint: JSONValue = [:]
            let first = index == 0
            let aliases = (first ? networkAlias : []) + (fields["alias"] ?? [])
            if !aliases.isEmpty { endpoint["Aliases"] = .strings(aliases) }
            var addresses: JSONValue = [:]
            if let ip = fields["ip"]?.first ?? (first ? ip : nil) { addresses["IPv4Address"] = .string(ip) }
            if let ip = fields["ip6"]?.first ?? (first ? ip6 : nil) { addresses["IPv6Address"] = .string(ip) }
            if !addresses.isEmpty { endpoint["IPAMConfig"] = addresses }
            if let address = fields["mac-address"]?.first ?? (first ? macAddress : nil) {
                endpoint["MacAddress"] = .string(address)
            }
            if !endpoint.isEmpty || network.count > 1 { endpoints[Self.name(text)] = endpoint }
        }
        return endpoints.isEmpty ? nil : endpoints
    }
}
