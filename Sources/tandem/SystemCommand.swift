// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct SystemCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system", abstract: "Show and clean up what the daemon keeps.",
        subcommands: [DiskUsageCommand.self, Prune.self, InfoCommand.self, EventsCommand.self])

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune",
            abstract: "Remove stopped containers and VMs, networks that nobody uses, and images without a name.")

        @Flag(name: .shortAndLong, help: "Also images with a name that nobody uses.")
        var all = false

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Flag(help: "Also anonymous volumes that nobody uses.")
        var volumes = false

        @Option(parsing: .unconditionalSingleValue, help: "For example until=24h, label=a=b or label!=a.")
        var filter: [String] = []

        func run() async throws {
            if volumes && filter.contains(where: { $0.hasPrefix("until=") }) {
                throw CommandFailure(
                    1, "the \"until\" filter is not supported with \"--volumes\"", hint: "Leave one of them out.")
            }
            let parts =
                ["all stopped containers and VMs"] + (volumes ? ["all anonymous volumes that nobody uses"] : [])
                + [all ? "all images that nobody uses" : "all images without a name"]
            guard force || Confirmation.ask("This will remove: \(parts.joined(separator: ", ")).") else { return }
            let client = try await Daemon.client()
            var space = try await ContainerCommand.Prune.prune(filter, client)
            try await NetworkCommand.Prune.prune(filter, client)
            if volumes {
                let response = try await client.request("POST", "/volumes/prune", query: Filters.query(filter)).json
                let names = response["VolumesDeleted"].strings ?? []
                if !names.isEmpty { Output.line("Deleted Volumes:\n\(names.joined(separator: "\n"))\n") }
                space += response["SpaceReclaimed"].integer ?? 0
            }
            space += try await ImageCommand.Prune.prune(all: all, filter, client)
            Output.line("Total reclaimed space: \(Size.decimal(space))")
        }
    }
}

struct ContainerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "container", abstract: "Everything about containers and VMs, by docker's longer names.",
        subcommands: [
            RunCommand.self, CreateCommand.self, StartCommand.self, StopCommand.self, KillCommand.self,
            RestartCommand.self, PauseCommand.self, UnpauseCommand.self, RemoveCommand.self, RenameCommand.self,
            UpdateCommand.self, ListCommand.self, LogsCommand.self, Inspect.self, TopCommand.self, StatsCommand.self,
            WaitCommand.self, ExecCommand.self, AttachCommand.self, CopyCommand.self, DiffCommand.self,
            ExportCommand.self, CommitCommand.self, Prune.self,
        ])

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about containers and VMs.")

        @Option(name: .shortAndLong, help: "json, or a template such as {{.State.Status}}.")
        var format: String?

        @Argument(help: "Names or ids.")
        var container: [String]

        func run() async throws {
            try await InspectCommand.show(container, type: "container", format: format)
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove all containers and VMs that do not run.")

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Option(parsing: .unconditionalSingleValue, help: "For example until=24h, label=a=b or label!=a.")
        var filter: [String] = []

        func run() async throws {
            guard force || Confirmation.ask("This will remove all stopped containers and VMs.") else { return }
            let space = try await Self.prune(filter, try await Daemon.client())
            Output.line("Total reclaimed space: \(Size.decimal(space))")
        }

        /// - Returns: Bytes that have become free.
        static func prune(_ filter: [String], _ client: TandemClient) async throws -> Int64 {
            let response = try await client.request("POST", "/containers/prune", query: Filters.query(filter)).json
            let ids = response["ContainersDeleted"].strings ?? []
            if !ids.isEmpty { Output.line("Deleted Containers:\n\(ids.joined(separator: "\n"))\n") }
            return response["SpaceReclaimed"].integer ?? 0
        }
    }
}
