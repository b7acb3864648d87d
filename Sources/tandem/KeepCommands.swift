// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials

struct VolumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volume", abstract: "Keep data beyond the life of containers and VMs.",
        subcommands: [Create.self, List.self, Inspect.self, Remove.self, Prune.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a volume.")

        @Option(parsing: .unconditionalSingleValue, help: "Label.")
        var label: [String] = []

        @Option(name: .shortAndLong, help: "local.")
        var driver: String?

        @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Option of the driver.")
        var opt: [String] = []

        @Argument(help: "Name; drawn if none is given.")
        var name: String?

        func run() async throws {
            let pairs = { (texts: [String]) -> JSONValue in
                .map(
                    Dictionary(
                        texts.map { text in
                            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                            return (parts[0], parts.count > 1 ? parts[1] : "")
                        }, uniquingKeysWith: { $1 }))
            }
            let body: JSONValue = [
                "Name": .string(name ?? ""), "Labels": pairs(label), "Driver": .string(driver ?? ""),
                "DriverOpts": pairs(opt),
            ]
            let response = try await Daemon.client().request("POST", "/volumes/create", body: body)
            Output.line(response.json["Name"].string ?? "")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List volumes.")

        @Flag(name: .shortAndLong, help: "Only names.")
        var quiet = false

        @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "For example dangling=true.")
        var filter: [String] = []

        @Option(help: "json, or a template such as {{.Name}}.")
        var format: String?

        func run() async throws {
            let query = filter.isEmpty ? [] : [("filters", Filters.encode(filter))]
            let volumes = try await Daemon.client().request("GET", "/volumes", query: query).json["Volumes"].array ?? []
            if quiet {
                for volume in volumes { Output.line(volume["Name"].string ?? "") }
                return
            }
            if let format {
                for volume in volumes { Output.line(try Template.render(format, volume)) }
                return
            }
            Output.table(
                ["DRIVER", "VOLUME NAME"], volumes.map { [$0["Driver"].string ?? "", $0["Name"].string ?? ""] })
        }
    }

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about volumes.")

        @Option(name: .shortAndLong, help: "json, or a template such as {{.Mountpoint}}.")
        var format: String?

        @Argument(help: "Names.")
        var name: [String]

        func run() async throws {
            let client = try await Daemon.client()
            var documents: [JSONValue] = []
            for name in name {
                documents.append(try await client.request("GET", "/volumes/\(TandemClient.encode(name))").json)
            }
            try Template.show(documents, format)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove volumes with what is in them.")

        @Flag(name: .shortAndLong, help: "A missing one is no failure.")
        var force = false

        @Argument(help: "Names.")
        var name: [String]

        func run() async throws {
            let client = try await Daemon.client()
            let query = [("force", force ? "1" : "0")]
            try await ForEach.run(name) { (name) throws(ClientError) in
                try await client.request("DELETE", "/volumes/\(TandemClient.encode(name))", query: query)
            }
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove volumes that nobody uses.")

        @Flag(name: .shortAndLong, help: "Also those with a name.")
        var all = false

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Option(parsing: .unconditionalSingleValue, help: "For example label=tier=web or label!=keep.")
        var filter: [String] = []

        func run() async throws {
            if !force {
                Output.write("This removes all \(all ? "" : "anonymous ")volumes that nobody uses. Go on? [y/N] ")
                guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else { return }
            }
            let filters = filter + (all ? ["all=true"] : [])
            let query = filters.isEmpty ? [] : [("filters", Filters.encode(filters))]
            let response = try await Daemon.client().request("POST", "/volumes/prune", query: query).json
            for name in response["VolumesDeleted"].strings ?? [] { Output.line(name) }
            Output.line("Total reclaimed space: \(Size.decimal(response["SpaceReclaimed"].integer ?? 0))")
        }
    }
}
