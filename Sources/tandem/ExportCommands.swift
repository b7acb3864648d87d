// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show which files differ from the image.",
        discussion: "A is added, C is changed, D is deleted.")

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let path = "/containers/\(TandemClient.encode(container))/changes"
        let letters = ["C", "A", "D"]
        for change in try await Daemon.client().request("GET", path).json.array ?? [] {
            let kind = Int(change["Kind"].integer ?? 0)
            Output.line("\(letters.indices.contains(kind) ? letters[kind] : "?") \(change["Path"].string ?? "")")
        }
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Pack all files of a container or VM, but for its mounts, into a tar.")

    @Option(name: .shortAndLong, help: "File; standard output if none is given.")
    var output: String?

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let path = "/containers/\(TandemClient.encode(container))/export"
        try await Download.send(path, [], to: output, try await Daemon.client())
    }
}
