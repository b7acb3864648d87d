// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct NetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Let containers and VMs reach each other.",
        subcommands: [
            Create.self, List.self, Inspect.self, Connect.self, Disconnect.self, Remove.self, Prune.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a network.")

        @Option(name: .shortAndLong, help: "bridge, macvlan or vxlan.")
        var driver: String?

        @Option(parsing: .unconditionalSingleValue, help: "Its addresses, for example 10.1.0.0/24.")
        var subnet: [String] = []

        @Option(parsing: .unconditionalSingleValue, help: "The host's address in it.")
        var gateway: [String] = []

        @Option(parsing: .unconditionalSingleValue, help: "The part of it that is given out.")
        var ipRange: [String] = []

        @Option(parsing: .unconditionalSingleValue, help: "Address of somebody else: NAME=ADDRESS.")
        var auxAddress: [String] = []

        @Flag(help: "No way out.")
        var `internal` = false

        @Flag(help: "IPv6 addresses too.")
        var ipv6 = false

        @Flag(help: "Taken for docker's sake.")
        var attachable = false

        @Option(parsing: .unconditionalSingleValue, help: "Label.")
        var label: [String] = []

        @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Option of the driver.")
        var opt: [String] = []

        @Argument(help: "Name.")
        var name: String

        func run() async throws {
            var body: JSONValue = [
                "Name": .string(name), "Driver": .string(driver ?? ""), "Internal": .bool(`internal`),
                "EnableIPv6": .bool(ipv6), "Attachable": .bool(attachable), "Labels": Self.pairs(label),
                "Options": Self.pairs(opt),
            ]
            let pools = try pools()
            if !pools.isEmpty { body["IPAM"] = ["Config": .array(pools)] }
            let response = try await Daemon.client().request("POST", "/networks/create", body: body)
            Output.line(response.json["Id"].string ?? "")
        }

        private static func pairs(_ texts: [String]) -> JSONValue {
            .map(
                Dictionary(
                    texts.map { text in
                        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                        return (parts[0], parts.count > 1 ? parts[1] : "")
                    }, uniquingKeysWith: { $1 }))
        }

        /// Each gateway, range and address goes with the subnet of its place, or of its family.
        private func pools() throws -> [JSONValue] {
            guard subnet.isEmpty else {
                return subnet.enumerated().map { index, subnet in
                    var pool: JSONValue = ["Subnet": .string(subnet)]
                    let isFitting = { (text: String) in text.contains(":") == subnet.contains(":") }
                    if let gateway = gateway.first(where: isFitting) { pool["Gateway"] = .string(gateway) }
                    if let range = ipRange.first(where: isFitting) { pool["IPRange"] = .string(range) }
                    if index == 0 && !auxAddress.isEmpty { pool["AuxiliaryAddresses"] = Self.pairs(auxAddress) }
                    return pool
                }
            }
            guard gateway.isEmpty, ipRange.isEmpty else {
                throw CommandFailure(
                    1, "every ip-range or gateway must have a corresponding subnet", hint: "Add --subnet.")
            }
            return []
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List networks.")

        @Flag(name: .shortAndLong, help: "Only ids.")
        var quiet = false

        @Flag(help: "Whole ids.")
        var noTrunc = false

        @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "For example driver=bridge.")
        var filter: [String] = []

        @Option(help: "json, or a template such as {{.Name}}.")
        var format: String?

        func run() async throws {
            let query = filter.isEmpty ? [] : [("filters", Filters.encode(filter))]
            let networks = try await Daemon.client().request("GET", "/networks", query: query).json.array ?? []
            let sorted = networks.sorted { ($0["Name"].string ?? "") < ($1["Name"].string ?? "") }
            let id = { (network: JSONValue) -> String in
                let whole = network["Id"].string ?? ""
                return noTrunc ? whole : String(whole.prefix(12))
            }
            if quiet {
                for network in sorted { Output.line(id(network)) }
            } else if let format {
                for network in sorted { Output.line(try Template.render(format, network)) }
            } else {
                Output.table(
                    ["NETWORK ID", "NAME", "DRIVER", "SCOPE"],
                    sorted.map {
                        [id($0), $0["Name"].string ?? "", $0["Driver"].string ?? "", $0["Scope"].string ?? ""]
                    })
            }
        }
    }

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about networks, and who is on them.")

        @Option(name: .shortAndLong, help: "json, or a template such as {{.Driver}}.")
        var format: String?

        @Argument(help: "Names or ids.")
        var network: [String]

        func run() async throws {
            let client = try await Daemon.client()
            var documents: [JSONValue] = []
            for name in network {
                documents.append(try await client.request("GET", "/networks/\(TandemClient.encode(name))").json)
            }
            try Template.show(documents, format)
        }
    }
}
