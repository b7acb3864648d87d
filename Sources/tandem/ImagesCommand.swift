// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List images.")

    @Flag(name: .shortAndLong, help: "Only ids.")
    var quiet = false

    @Flag(help: "Do not cut ids.")
    var noTrunc = false

    @Flag(help: "Show digests of registries.")
    var digests = false

    @Flag(name: .shortAndLong, help: "Accepted for docker's sake: there are no intermediate images.")
    var all = false

    @Option(
        name: .shortAndLong, parsing: .unconditionalSingleValue,
        help: "For example reference=busybox*, dangling=true, label=a=b, before=NAME, since=NAME, until=24h.")
    var filter: [String] = []

    @Option(help: "json, a template such as {{.Repository}}, or table and a template.")
    var format: String?

    @Argument(help: "Only this name.")
    var repository: String?

    func run() async throws {
        let filters = filter + (repository.map { ["reference=\($0)"] } ?? [])
        var query = filters.isEmpty ? [] : [("filters", Filters.encode(filters))]
        if all { query.append(("all", "1")) }
        let images = try await Daemon.client().request("GET", "/images/json", query: query).json.array ?? []
        let rows = images.flatMap { Self.rows($0, truncating: !noTrunc, digests: digests) }
        if quiet && format == nil {
            for row in rows { Output.line(row["ID"].string ?? "") }
            return
        }
        if let format { return try TableFormat(format, headers: Self.headers).show(rows.map { ($0, [:]) }) }
        let columns = ["Repository", "Tag"] + (digests ? ["Digest"] : []) + ["ID", "CreatedSince", "Size"]
        Output.table(columns.map { Self.headers[$0] ?? "" }, rows.map { row in columns.map { row[$0].string ?? "" } })
    }

    static let headers = [
        "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "ID": "IMAGE ID", "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT", "Size": "SIZE", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
        "Containers": "CONTAINERS", "VirtualSize": "SIZE",
    ]

    /// A row for each name of an image, and with `digests` for each digest that the name has.
    static func rows(_ image: JSONValue, truncating: Bool, digests: Bool = false) -> [JSONValue] {
        let id = image["Id"].string ?? ""
        let size = image["Size"].integer ?? 0
        let shared = image["SharedSize"].integer ?? -1
        let created = image["Created"].integer ?? 0
        let containers = image["Containers"].integer ?? -1
        return names(image, digests: digests).map { name in
            .map([
                "Repository": name.repository, "Tag": name.tag, "Digest": name.digest,
                "ID": truncating ? String(id.dropFirst(7).prefix(12)) : id, "CreatedSince": Age.ago(created),
                "CreatedAt": ListCommand.Row.date(created), "Size": Size.decimal(size),
                "VirtualSize": Size.decimal(size), "SharedSize": shared < 0 ? "N/A" : Size.decimal(shared),
                "UniqueSize": shared < 0 ? "N/A" : Size.decimal(size - shared),
                "Containers": containers < 0 ? "N/A" : String(containers),
            ])
        }
    }

    private struct Name {
        var repository: String
        var tag = "<none>"
        var digest = "<none>"
    }

    /// As docker's formatter combines tags and digests of one repository.
    private static func names(_ image: JSONValue, digests: Bool) -> [Name] {
        let known = (image["RepoDigests"].strings ?? []).map { text in
            let at = text.firstIndex(of: "@") ?? text.endIndex
            return Name(repository: String(text[..<at]), digest: String(text[at...].dropFirst()))
        }
        var rows: [Name] = []
        for text in image["RepoTags"].strings ?? [] {
            let colon = text.lastIndex(of: ":") ?? text.endIndex
            let name = Name(repository: String(text[..<colon]), tag: String(text[colon...].dropFirst()))
            let own = digests ? known.filter { $0.repository == name.repository } : []
            rows +=
                own.isEmpty ? [name] : own.map { Name(repository: name.repository, tag: name.tag, digest: $0.digest) }
        }
        let tagged = Set(rows.map(\.repository))
        for name in known where !tagged.contains(name.repository) {
            if digests {
                rows.append(name)
            } else if !rows.contains(where: { $0.repository == name.repository }) {
                rows.append(Name(repository: name.repository))
            }
        }
        return rows.isEmpty ? [Name(repository: "<none>")] : rows
    }
}

struct RemoveImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")

    @Flag(name: .shortAndLong, help: "Also with several names, or if something that does not run was made from it.")
    var force = false

    @Flag(help: "Accepted for docker's sake: images here have no parents that would go with them.")
    var noPrune = false

    @Argument(help: "Names or ids.")
    var image: [String]

    func run() async throws {
        let client = try await Daemon.client()
        let query = [("force", force ? "1" : "0"), ("noprune", noPrune ? "1" : "0")]
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

struct TagCommand: AsyncParsableCommand {
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

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show how an image came about.")

    @Flag(name: .shortAndLong, help: "Only ids.")
    var quiet = false

    @Flag(help: "Do not cut ids and commands.")
    var noTrunc = false

    @Flag(name: .customShort("H"), help: "Accepted for docker's sake: it is the default.")
    var human = false

    @Option(help: "json, a template such as {{.CreatedBy}}, or table and a template.")
    var format: String?

    @Argument(help: "Name or id.")
    var image: String

    func run() async throws {
        let path = "/images/\(TandemClient.encode(image))/history"
        let rows = (try await Daemon.client().request("GET", path).json.array ?? []).map(row)
        if quiet && format == nil {
            for row in rows { Output.line(row["ID"].string ?? "") }
            return
        }
        if let format { return try TableFormat(format, headers: Self.headers).show(rows.map { ($0, [:]) }) }
        let columns = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"]
        Output.table(columns.map { Self.headers[$0] ?? "" }, rows.map { row in columns.map { row[$0].string ?? "" } })
    }

    private static let headers = [
        "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE",
        "Comment": "COMMENT",
    ]

    private func row(_ entry: JSONValue) -> JSONValue {
        let id = entry["Id"].string ?? ""
        let command = (entry["CreatedBy"].string ?? "").replacing("\t", with: " ")
        let created = entry["Created"].integer ?? 0
        return .map([
            "ID": noTrunc || !id.hasPrefix("sha256:") ? id : String(id.dropFirst(7).prefix(12)),
            "CreatedSince": Age.ago(created), "CreatedAt": ListCommand.Row.date(created),
            "CreatedBy": noTrunc || command.count <= 45 ? command : command.prefix(44) + "…",
            "Size": Size.decimal(entry["Size"].integer ?? 0), "Comment": entry["Comment"].string ?? "",
        ])
    }
}
