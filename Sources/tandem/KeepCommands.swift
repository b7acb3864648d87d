// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List images.")

    @Flag(name: .shortAndLong, help: "Only ids.")
    var quiet = false

    @Flag(help: "Do not cut ids.")
    var noTrunc = false

    @Flag(name: .shortAndLong, help: "Accepted for docker's sake: there are no others.")
    var all = false

    @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "For example reference=busybox*.")
    var filter: [String] = []

    @Option(help: "json, or a template such as {{.Repository}}.")
    var format: String?

    @Argument(help: "Only this name.")
    var repository: String?

    func run() async throws {
        let filters = filter + (repository.map { ["reference=\($0)"] } ?? [])
        let query = filters.isEmpty ? [] : [("filters", Filters.encode(filters))]
        let images = try await Daemon.client().request("GET", "/images/json", query: query).json.array ?? []
        let rows = images.flatMap { lines($0) }
        if quiet {
            var seen: Set<String> = []
            for row in rows where seen.insert(row["ID"].string ?? "").inserted { Output.line(row["ID"].string ?? "") }
            return
        }
        if let format {
            for row in rows { Output.line(try Template.render(format, row)) }
            return
        }
        let columns = ["Repository", "Tag", "ID", "CreatedSince", "Size"]
        Output.table(
            ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"],
            rows.map { row in columns.map { row[$0].string ?? "" } })
    }

    private func lines(_ image: JSONValue) -> [JSONValue] {
        let id = (image["Id"].string ?? "").dropFirst(noTrunc ? 0 : 7)
        let names = image["RepoTags"].strings ?? []
        return (names.isEmpty ? ["<none>:<none>"] : names).map { name in
            let colon = name.lastIndex(of: ":") ?? name.endIndex
            return [
                "Repository": .string(String(name[..<colon])), "Tag": .string(String(name[colon...].dropFirst())),
                "ID": .string(String(noTrunc ? id : id.prefix(12))),
                "CreatedSince": .string(Age.ago(image["Created"].integer ?? 0)),
                "Size": .string(Size.decimal(image["Size"].integer ?? 0)),
            ]
        }
    }
}

struct RemoveImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")

    @Flag(name: .shortAndLong, help: "Also with several names.")
    var force = false

    @Argument(help: "Names or ids.")
    var image: [String]

    func run() async throws {
        let client = try await Daemon.client()
        let query = [("force", force ? "1" : "0")]
        try await ForEach.run(image, quiet: true) { (name) throws(ClientError) in
            let rows =
                try await client.request("DELETE", "/images/\(TandemClient.encode(name))", query: query).json.array
                ?? []
            for row in rows {
                if let name = row["Untagged"].string { Output.line("Untagged: \(name)") }
                if let digest = row["Deleted"].string { Output.line("Deleted: \(digest)") }
            }
        }
    }
}

struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Bring in, name and show images.",
        subcommands: [
            Import.self, Load.self, Default.self, Tag.self, History.self,
        ])

    struct Import: AsyncParsableCommand {
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

        @Argument(help: "Archive, folder or -.")
        var file: String

        @Argument(help: "NAME[:TAG].")
        var name: String?

        func run() async throws {
            let client = try await Daemon.client()
            var query: [(String, String)] = change.map { ("changes", $0) }
            if let name { query.append(("reference", name)) }
            if let message { query.append(("message", message)) }
            let response = try await Upload.send(file, "/tandem/images/import", query, client)
            for image in response.json.array ?? [] {
                Output.line((image["RepoTags"].strings ?? []).first ?? image["Id"].string ?? "")
            }
        }
    }

    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "load", abstract: "Bring in an archive of `docker save` or an OCI layout.")

        @Option(name: .shortAndLong, help: "Archive; standard input if none is given.")
        var input = "-"

        func run() async throws {
            let client = try await Daemon.client()
            let response = try await Upload.send(input, "/images/load", [], client)
            for line in response.body.split(separator: 0x0A) {
                Output.write(JSONValue(parsing: Data(line))?["stream"].string ?? "")
            }
        }
    }

    struct Default: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "default", abstract: "Make busybox:latest from the host's busybox-static.")

        func run() async throws {
            let response = try await Daemon.client().request("POST", "/tandem/images/default")
            Output.line((response.json["RepoTags"].strings ?? []).first ?? "")
        }
    }

    struct Tag: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "tag", abstract: "Give an image a further name.")

        @Argument(help: "Name or id.")
        var source: String

        @Argument(help: "NAME[:TAG].")
        var target: String

        func run() async throws {
            try await Daemon.client().request(
                "POST", "/images/\(TandemClient.encode(source))/tag", query: [("repo", target)])
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "history", abstract: "Show how an image came about.")

        @Argument(help: "Name or id.")
        var image: String

        func run() async throws {
            let rows =
                try await Daemon.client().request("GET", "/images/\(TandemClient.encode(image))/history").json.array
                ?? []
            Output.table(
                ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"],
                rows.map { row in
                    let id = row["Id"].string ?? ""
                    return [
                        id.hasPrefix("sha256:") ? String(id.dropFirst(7).prefix(12)) : id,
                        Age.ago(row["Created"].integer ?? 0),
                        String((row["CreatedBy"].string ?? "").prefix(45)), Size.decimal(row["Size"].integer ?? 0),
                        row["Comment"].string ?? "",
                    ]
                })
        }
    }
}

/// Sends a file, a folder as a tar, or standard input.
enum Upload {
    static func send(
        _ file: String, _ path: String, _ query: [(String, String)], _ client: TandemClient
    ) async throws -> TandemClient.Response {
        if file == "-" { return try await client.upload("POST", path, query: query) { await StandardInput.next() } }
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw CommandFailure(1, "open \(file): \(String(cString: strerror(errno)))", hint: "Check the path.")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            let tar = try Tar(["-c", "-f", "-", "-C", file, "."], writesTo: ())
            let response = try await client.upload("POST", path, query: query) { tar.receive() }
            try tar.finish()
            return response
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(1, "open \(file): \(String(cString: strerror(errno)))", hint: "Check its rights.")
        }
        defer { close(descriptor) }
        let progress = Progress(total: Int64(status.st_size))
        defer { progress.end() }
        return try await client.upload("POST", path, query: query) {
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            progress.add(Int64(count))
            return count == buffer.count ? buffer : Array(buffer[..<count])
        }
    }
}

/// A line on a terminal that says how far something is, once it has taken a second.
final class Progress {
    private let total: Int64
    private var done: Int64 = 0
    private let begun = ContinuousClock.now
    private var last = ContinuousClock.now
    private var isShown = false

    init(total: Int64) { self.total = total }

    func add(_ count: Int64) {
        done += count
        let now = ContinuousClock.now
        guard now - begun > .seconds(1), now - last > .milliseconds(100), Output.isTerminal(STDERR_FILENO) else {
            return
        }
        last = now
        isShown = true
        Output.write(
            "\r\(Size.decimal(done)) of \(Size.decimal(total)) (\(done * 100 / max(1, total)) %)\u{1B}[K",
            to: STDERR_FILENO)
    }

    func end() { if isShown { Output.write("\r\u{1B}[K", to: STDERR_FILENO) } }
}

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
            if let format {
                for document in documents { Output.line(try Template.render(format, document)) }
            } else {
                Output.line(String(decoding: JSONValue.array(documents).encoded(pretty: true), as: UTF8.self))
            }
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
