// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import OCI

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Send an image to the registry that its name names.",
        usage: "tandem push [OPTIONS] NAME[:TAG]")

    @Flag(name: .shortAndLong, help: "Every tag of the name.")
    var allTags = false

    @Flag(name: .shortAndLong, help: "Only print the name.")
    var quiet = false

    @Flag(name: .customLong("disable-content-trust"), help: "Accepted for docker's sake.")
    var disableContentTrust = false

    @Argument(help: "Name with a tag; `latest` without.")
    var name: String

    func run() async throws {
        let reference = try Pull.reference(name)
        try Pull.sayTag(of: reference, name, allTags: allTags, quiet: quiet)
        guard reference.digest == nil else {
            throw CommandFailure(1, "cannot push a digest reference", hint: "Name a tag.")
        }
        let query = allTags ? [] : [("tag", reference.tag ?? "latest")]
        var display = TransferDisplay(isQuiet: quiet)
        try await display.follow(
            try await Daemon.client(), "/images/\(TandemClient.encode(reference.familiarName))/push", query: query,
            headers: try RegistryAccess.headers(for: reference))
        if quiet {
            Output.line(allTags ? "\(reference.registry)/\(reference.repository)" : reference.canonicalName)
        }
    }
}
