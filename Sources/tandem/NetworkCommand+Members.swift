// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

extension NetworkCommand {
    struct Connect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "connect", abstract: "Put a container or VM on a network.")

        @Option(parsing: .unconditionalSingleValue, help: "Further name on the network.")
        var alias: [String] = []

        @Option(help: "IPv4 address.")
        var ip: String?

        @Option(help: "IPv6 address.")
        var ip6: String?

        @Argument(help: "The network's name or id.")
        var network: String

        @Argument(help: "Name or id.")
        var container: String

        func run() async throws {
            var endpoint: JSONValue = ["Aliases": .strings(alias)]
            var addresses: JSONValue = [:]
            if let ip { addresses["IPv4Address"] = .string(ip) }
            if let ip6 { addresses["IPv6Address"] = .string(ip6) }
            if !addresses.isEmpty { endpoint["IPAMConfig"] = addresses }
            try await Daemon.client().request(
                "POST", "/networks/\(TandemClient.encode(network))/connect",
                body: ["Container": .string(container), "EndpointConfig": endpoint])
        }
    }

    struct Disconnect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disconnect", abstract: "Take a container or VM off a network.")

        @Flag(name: .shortAndLong, help: "Taken for docker's sake.")
        var force = false

        @Argument(help: "The network's name or id.")
        var network: String

        @Argument(help: "Name or id.")
        var container: String

        func run() async throws {
            try await Daemon.client().request(
                "POST", "/networks/\(TandemClient.encode(network))/disconnect",
                body: ["Container": .string(container), "Force": .bool(force)])
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove networks.")

        @Flag(name: .shortAndLong, help: "A missing one is no failure.")
        var force = false

        @Argument(help: "Names or ids.")
        var network: [String]

        func run() async throws {
            let client = try await Daemon.client()
            try await ForEach.run(network) { (name) throws(ClientError) in
                do throws(ClientError) {
                    try await client.request("DELETE", "/networks/\(TandemClient.encode(name))")
                } catch {
                    guard force, error.status == 404 else { throw error }
                }
            }
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove networks that nobody uses.")

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Option(parsing: .unconditionalSingleValue, help: "For example until=24h or label=tier=web.")
        var filter: [String] = []

        func run() async throws {
            if !force {
                Output.write("This removes all networks that nobody uses. Go on? [y/N] ")
                guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else { return }
            }
            try await Self.prune(filter, try await Daemon.client())
        }

        static func prune(_ filter: [String], _ client: TandemClient) async throws {
            let response = try await client.request("POST", "/networks/prune", query: Filters.query(filter)).json
            let names = response["NetworksDeleted"].strings ?? []
            if !names.isEmpty { Output.line("Deleted Networks:") }
            for name in names { Output.line(name) }
            if !names.isEmpty { Output.line("") }
        }
    }
}
