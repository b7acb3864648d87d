// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc
import OCI
import TandemModel

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetch an image from a registry.",
        usage: "tandem pull [OPTIONS] NAME[:TAG|@DIGEST]")

    @Flag(name: .shortAndLong, help: "Every tag that the repository has.")
    var allTags = false

    @Flag(name: .shortAndLong, help: "Only print the name.")
    var quiet = false

    @Option(help: "For example linux/amd64; this machine's by default.")
    var platform: String?

    @Flag(name: .customLong("disable-content-trust"), help: "Accepted for docker's sake.")
    var disableContentTrust = false

    @Argument(help: "Name with a tag or a digest; `latest` without.")
    var name: String

    func run() async throws {
        let reference = try Pull.reference(name)
        try Pull.sayTag(of: reference, name, allTags: allTags, quiet: quiet)
        try await Pull.run(
            reference, allTags: allTags, platform: platform, client: try await Daemon.client(),
            display: TransferDisplay(isQuiet: quiet))
        Output.line(allTags ? "\(reference.registry)/\(reference.repository)" : reference.canonicalName)
    }
}

/// Fetching an image, for `pull` and for `run`.
enum Pull {
    static func reference(_ name: String) throws(CommandFailure) -> Reference {
        do throws(EngineError) {
            return try Reference(name)
        } catch {
            throw CommandFailure(1, error.message, hint: error.hint)
        }
    }

    /// Says which tag is taken where none is named; `--all-tags` wants none.
    static func sayTag(
        of reference: Reference, _ name: String, allTags: Bool, quiet: Bool
    ) throws(CommandFailure) {
        let isPlain = reference.digest == nil && !name.hasSuffix(":\(reference.tag ?? "")")
        guard !allTags || isPlain else {
            throw CommandFailure(1, "tag can't be used with --all-tags/-a", hint: "Leave the tag out.")
        }
        if isPlain && !allTags && !quiet { Output.line("Using default tag: latest") }
    }

    static func run(
        _ reference: Reference, allTags: Bool = false, platform: String?, client: TandemClient,
        display: TransferDisplay
    ) async throws(ClientError) {
        var query = [("fromImage", reference.familiarName)]
        if let digest = reference.digest {
            query.append(("tag", digest))
        } else if let tag = reference.tag, !allTags {
            query.append(("tag", tag))
        }
        if let platform { query.append(("platform", platform)) }
        var display = display
        try await display.follow(
            client, "/images/create", query: query, headers: try RegistryAccess.headers(for: reference))
    }
}
