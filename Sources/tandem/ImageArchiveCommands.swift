// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Bring in the tar of a root file system, an archive of `docker save` or an OCI layout.",
        discussion:
            "The archive may be compressed by gzip, bzip2, xz or zstd. A folder is taken for an OCI layout; - reads standard input."
    )

    @Option(name: .shortAndLong, help: "Remark in the image's history.")
    var message: String?

    @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Instruction such as CMD [\"sh\"].")
    var change: [String] = []

    @Option(help: "Of which platform the archive is: only this machine's.")
    var platform: String?

    @Argument(help: "Archive, folder or -.")
    var file: String

    @Argument(help: "NAME[:TAG].")
    var name: String?

    func run() async throws {
        let client = try await Daemon.client()
        var query: [(String, String)] = change.map { ("changes", $0) }
        if let name { query.append(("reference", name)) }
        if let message { query.append(("message", message)) }
        if let platform { query.append(("platform", platform)) }
        let response = try await Upload.send(file, "/tandem/images/import", query, client)
        for image in response.json.array ?? [] {
            Output.line((image["RepoTags"].strings ?? []).first ?? image["Id"].string ?? "")
        }
    }
}

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Bring in an archive of `docker save` or an OCI layout.")

    @Option(name: .shortAndLong, help: "Archive; standard input if none is given.")
    var input = "-"

    @Flag(name: .shortAndLong, help: "Do not show how far it is.")
    var quiet = false

    @Option(help: "Which platform of the archive: only this machine's.")
    var platform: String?

    func run() async throws {
        guard input != "-" || !Output.isTerminal(STDIN_FILENO) else {
            throw CommandFailure(1, "requested load from stdin, but stdin is empty", hint: "Name an archive with -i.")
        }
        let client = try await Daemon.client()
        var query = [("quiet", "1")]
        if let platform { query.append(("platform", platform)) }
        let response = try await Upload.send(input, "/images/load", query, client, showsProgress: !quiet)
        for line in response.body.split(separator: 0x0A) {
            Output.write(JSONValue(parsing: Data(line))?["stream"].string ?? "")
        }
    }
}

struct SaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Pack images with their names into an archive, as docker does.")

    @Option(name: .shortAndLong, help: "File; standard output if none is given.")
    var output: String?

    @Option(help: "Which platform of the images: only this machine's.")
    var platform: String?

    @Argument(help: "Names or ids; a name without a tag means all of its tags.")
    var image: [String]

    func run() async throws {
        var query = image.map { ("names", $0) }
        if let platform { query.append(("platform", platform)) }
        try await Download.send("/images/get", query, to: output, try await Daemon.client())
    }
}

/// Receives an archive into a file, or on standard output.
enum Download {
    static func send(
        _ path: String, _ query: [(String, String)], to file: String?, _ client: TandemClient
    ) async throws {
        guard let file else {
            guard !Output.isTerminal(STDOUT_FILENO) else {
                throw CommandFailure(
                    1, "cowardly refusing to save to a terminal", hint: "Use the -o flag or redirect the output.")
            }
            try await receive(path, query, into: STDOUT_FILENO, client)
            return
        }
        // Renamed into place: a failure leaves no half of an archive, and an earlier one as it was.
        let partial = file + ".\(getpid())"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(1, "open \(file): \(String(cString: strerror(errno)))", hint: "Check the path.")
        }
        defer { close(descriptor) }
        do {
            try await receive(path, query, into: descriptor, client)
            guard rename(partial, file) == 0 else {
                throw CommandFailure(1, "rename \(file): \(String(cString: strerror(errno)))", hint: "Check the path.")
            }
        } catch {
            unlink(partial)
            throw error
        }
    }

    private static func receive(
        _ path: String, _ query: [(String, String)], into descriptor: Int32, _ client: TandemClient
    ) async throws {
        let problem = try await client.stream("GET", path, query: query) { (response) throws(ClientError) -> Int32 in
            while let bytes = try await response.next() {
                guard Output.writeAll(bytes, to: descriptor) else { return errno }
            }
            return 0
        }
        guard problem == 0 else {
            throw CommandFailure(1, "write: \(String(cString: strerror(problem)))", hint: "Is the disk full?")
        }
    }
}
