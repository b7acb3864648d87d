// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct CommitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Make an image of what a container or VM has written.")

    @Option(name: .shortAndLong, help: "Who makes it.")
    var author: String?

    @Option(
        name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Dockerfile instruction such as CMD [\"sh\"].")
    var change: [String] = []

    @Option(name: .shortAndLong, help: "Remark in the image's history.")
    var message: String?

    @Option(name: .shortAndLong, help: "Freeze it meanwhile: true or false.")
    var pause = true

    @Argument(help: "Name or id.")
    var container: String

    @Argument(help: "NAME[:TAG] of the image.")
    var image: String?

    func run() async throws {
        var query = [("container", container), ("pause", pause ? "1" : "0")] + change.map { ("changes", $0) }
        if let author { query.append(("author", author)) }
        if let message { query.append(("comment", message)) }
        if let image { query.append(("repo", image)) }
        let response = try await Daemon.client().request("POST", "/commit", query: query)
        Output.line(response.json["Id"].string ?? "")
    }
}
