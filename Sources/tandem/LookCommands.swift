// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a container or VM has written.")

    @Flag(name: .shortAndLong, help: "Go on as it writes more.")
    var follow = false

    @Flag(name: .shortAndLong, help: "Show when.")
    var timestamps = false

    @Option(name: [.customShort("n"), .long], help: "The last so many lines, or all.")
    var tail = "all"

    @Option(help: "From this time on: RFC 3339, seconds since 1970, or an age such as 10m.")
    var since: String?

    @Option(help: "Until this time.")
    var until: String?

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let client = try await Daemon.client()
        let path = "/containers/\(TandemClient.encode(container))"
        let isTerminal = try await client.request("GET", path + "/json").json["Config"]["Tty"].bool ?? false
        var query = [
            ("stdout", "1"), ("stderr", "1"), ("follow", follow ? "1" : "0"), ("timestamps", timestamps ? "1" : "0"),
            ("tail", tail),
        ]
        if let since { query.append(("since", try TimeOption.parse(since, "since"))) }
        if let until { query.append(("until", try TimeOption.parse(until, "until"))) }
        try await client.stream("GET", path + "/logs", query: query) { (response) throws(ClientError) in
            var decoder = StreamFrameDecoder()
            while let bytes = try await response.next() {
                if isTerminal {
                    Output.write(bytes)
                    continue
                }
                decoder.append(bytes)
                while let piece = decoder.next() {
                    Output.write(piece.bytes, to: piece.stream == .errors ? STDERR_FILENO : STDOUT_FILENO)
                }
            }
        }
    }
}

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show everything about containers, VMs, images or volumes, with their start-up traces.")

    @Option(name: .shortAndLong, help: "json, or a template such as {{.State.Status}}.")
    var format: String?

    @Option(help: "container, image or volume.")
    var type: String?

    @Argument(help: "Names or ids.")
    var name: [String]

    func run() async throws { try await Self.show(name, type: type, format: format) }

    /// Shows the documents of objects of one type, or of any.
    static func show(_ names: [String], type: String?, format: String?) async throws {
        let client = try await Daemon.client()
        var documents: [JSONValue] = []
        var failure: CommandFailure?
        for name in names {
            do {
                documents.append(try await find(name, type, client))
            } catch let error as ClientError where error.status == 404 {
                Output.error("No such object: \(name)", hint: "`tandem ps -a` and `tandem images` list what there is.")
                failure = CommandFailure(1)
            }
        }
        try Template.show(documents, format)
        if let failure { throw failure }
    }

    private static func find(_ name: String, _ type: String?, _ client: TandemClient) async throws -> JSONValue {
        let encoded = TandemClient.encode(name)
        let paths = [
            ("container", "/containers/\(encoded)/json"), ("image", "/images/\(encoded)/json"),
            ("volume", "/volumes/\(encoded)"),
        ].filter { type == nil || $0.0 == type }
        guard !paths.isEmpty else {
            throw CommandFailure(
                125, "\"\(type ?? "")\" is not a valid value for --type", hint: "Use container, image or volume.")
        }
        for path in paths {
            if let document = try await look(path.1, client) { return document }
        }
        throw ClientError(status: 404, message: "No such object: \(name)", code: "not_found")
    }

    /// A document; `nil` if there is none of that kind.
    private static func look(_ path: String, _ client: TandemClient) async throws(ClientError) -> JSONValue? {
        do throws(ClientError) {
            return try await client.request("GET", path).json
        } catch  where error.status == 404 {
            return nil
        }
    }
}

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show the processes of a container or VM.")

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let document = try await Daemon.client().request("GET", "/containers/\(TandemClient.encode(container))/top")
            .json
        Output.table(document["Titles"].strings ?? [], (document["Processes"].array ?? []).map { $0.strings ?? [] })
    }
}

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stats", abstract: "Show what containers and VMs use.")

    @Flag(help: "Once, not again and again.")
    var noStream = false

    @Option(help: "json, or a template such as {{.CPUPerc}}.")
    var format: String?

    @Argument(help: "Names or ids; all that run if none is given.")
    var container: [String] = []

    func run() async throws {
        let client = try await Daemon.client()
        repeat {
            let names = container.isEmpty ? try await Self.running(client) : container
            var rows: [JSONValue] = []
            for name in names {
                let document = try await client.request(
                    "GET", "/containers/\(TandemClient.encode(name))/stats", query: [("stream", "0")]
                ).json
                rows.append(Self.row(document))
            }
            if let format {
                for row in rows { Output.line(try Template.render(format, row)) }
            } else {
                if !noStream && Output.isTerminal(STDOUT_FILENO) { Output.write("\u{1B}[2J\u{1B}[H") }
                let columns = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"]
                Output.table(
                    ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"],
                    rows.map { row in columns.map { row[$0].string ?? "" } })
            }
            // Each sample takes a second by itself; without any, wait as long.
            if !noStream && names.isEmpty { try await Task.sleep(for: .seconds(1)) }
        } while !noStream
    }

    private static func running(_ client: TandemClient) async throws(ClientError) -> [String] {
        try await client.request("GET", "/containers/json").json.array?.compactMap { $0["Id"].string } ?? []
    }

    /// docker/cli, cli/command/container/stats_helpers.go.
    static func row(_ document: JSONValue) -> JSONValue {
        let (now, before) = (document["cpu_stats"], document["precpu_stats"])
        let used = (now["cpu_usage"]["total_usage"].double ?? 0) - (before["cpu_usage"]["total_usage"].double ?? 0)
        let whole = (now["system_cpu_usage"].double ?? 0) - (before["system_cpu_usage"].double ?? 0)
        let percent = used > 0 && whole > 0 ? used / whole * (now["online_cpus"].double ?? 1) * 100 : 0
        let memory = document["memory_stats"]
        let cache = memory["stats"]["total_inactive_file"].integer ?? memory["stats"]["inactive_file"].integer ?? 0
        let usage = max(0, (memory["usage"].integer ?? 0) - cache)
        let limit = memory["limit"].integer ?? 0
        let blocks = document["blkio_stats"]["io_service_bytes_recursive"].array ?? []
        let sum = { (operation: String) in
            blocks.filter { $0["op"].string == operation }.reduce(Int64(0)) { $0 + ($1["value"].integer ?? 0) }
        }
        let networks = document["networks"].object ?? [:]
        let traffic = { (name: String) in networks.values.reduce(Int64(0)) { $0 + ($1[name].integer ?? 0) } }
        return [
            "ID": .string(String((document["id"].string ?? "").prefix(12))),
            "Name": .string(String((document["name"].string ?? "").dropFirst())),
            "CPUPerc": .string(hundredths(percent)),
            "MemUsage": .string("\(Size.binary(usage)) / \(Size.binary(limit))"),
            "MemPerc": .string(hundredths(limit > 0 ? Double(usage) / Double(limit) * 100 : 0)),
            "NetIO": .string("\(Size.decimal(traffic("rx_bytes"))) / \(Size.decimal(traffic("tx_bytes")))"),
            "BlockIO": .string("\(Size.decimal(sum("read"))) / \(Size.decimal(sum("write")))"),
            "PIDs": .string(String(document["pids_stats"]["current"].integer ?? 0)),
        ]
    }

    private static func hundredths(_ value: Double) -> String {
        let rounded = Int64((value * 100).rounded())
        let rest = rounded % 100
        return "\(rounded / 100).\(rest < 10 ? "0" : "")\(rest)%"
    }
}
