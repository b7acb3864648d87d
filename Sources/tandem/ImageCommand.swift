// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Bring in, name, show, save and remove images.",
        subcommands: [
            BuildCommand.self, PullCommand.self, PushCommand.self, ImportCommand.self, LoadCommand.self,
            SaveCommand.self, Default.self,
            List.self, Inspect.self,
            HistoryCommand.self, TagCommand.self, Remove.self, Prune.self,
        ])

    /// `docker images` by its longer name.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List images.", aliases: ["list"])

        @OptionGroup var images: ImagesCommand

        func run() async throws { try await images.run() }
    }

    /// `docker rmi` by its longer name.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove images.", aliases: ["remove"])

        @OptionGroup var images: RemoveImageCommand

        func run() async throws { try await images.run() }
    }

    struct Default: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "default", abstract: "Make busybox:latest from the host's busybox-static.")

        func run() async throws {
            let response = try await Daemon.client().request("POST", "/tandem/images/default")
            Output.line((response.json["RepoTags"].strings ?? []).first ?? "")
        }
    }

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about images.")

        @Option(name: .shortAndLong, help: "json, or a template such as {{.Config.Cmd}}.")
        var format: String?

        @Argument(help: "Names or ids.")
        var image: [String]

        func run() async throws {
            try await InspectCommand.show(image, type: "image", format: format)
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove images that nobody uses.")

        @Flag(name: .shortAndLong, help: "Also those with a name.")
        var all = false

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Option(parsing: .unconditionalSingleValue, help: "For example until=24h, label=a=b or label!=a.")
        var filter: [String] = []

        func run() async throws {
            let question =
                all
                ? "This will remove all images without at least one container associated to them."
                : "This will remove all dangling images."
            guard force || Confirmation.ask(question) else { return }
            let space = try await Self.prune(all: all, filter, try await Daemon.client())
            Output.line("Total reclaimed space: \(Size.decimal(space))")
        }

        /// - Returns: Bytes that have become free.
        static func prune(all: Bool, _ filter: [String], _ client: TandemClient) async throws -> Int64 {
            let filters = filter + ["dangling=\(all ? "false" : "true")"]
            let response = try await client.request(
                "POST", "/images/prune", query: [("filters", Filters.encode(filters))]
            ).json
            let rows = response["ImagesDeleted"].array ?? []
            if !rows.isEmpty {
                Output.line("Deleted Images:")
                for row in rows {
                    if let name = row["Untagged"].string { Output.line("untagged: \(name)") }
                    if let digest = row["Deleted"].string { Output.line("deleted: \(digest)") }
                }
                Output.line("")
            }
            return response["SpaceReclaimed"].integer ?? 0
        }
    }
}

/// Questions before something goes for ever.
enum Confirmation {
    /// docker's words; no answer is a no.
    static func ask(_ what: String) -> Bool {
        Output.write("WARNING! \(what)\nAre you sure you want to continue? [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
