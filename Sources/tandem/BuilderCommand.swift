// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

/// `docker builder`, for those whose fingers know it.
struct BuilderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "builder", abstract: "Build images, and clear away what building keeps.",
        subcommands: [BuildCommand.self, Prune.self])

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove the build cache.",
            discussion: "Earlier steps are images: those that lead to no name any more go with `tandem image prune`.")

        @Flag(name: .shortAndLong, help: "All of it, not only what is dangling.")
        var all = false

        @Flag(name: .shortAndLong, help: "Do not ask.")
        var force = false

        @Option(parsing: .unconditionalSingleValue, help: "For example until=24h.")
        var filter: [String] = []

        func run() async throws {
            let question = "This will remove all \(all ? "" : "dangling ")build cache."
            guard force || Confirmation.ask(question) else { return }
            let response = try await Daemon.client().request(
                "POST", "/build/prune", query: [("all", all ? "1" : "0"), ("filters", Filters.encode(filter))]
            ).json
            Output.line("Total reclaimed space: \(Size.decimal(response["SpaceReclaimed"].integer ?? 0))")
        }
    }
}
