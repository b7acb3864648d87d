// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", _superCommandName: "tandem", abstract: "List containers and VMs.", aliases: ["ls"])

    @Flag(name: .shortAndLong, help: "Also those that do not run.")
    var all = false

    @Flag(name: .shortAndLong, help: "Only ids.")
    var quiet = false

    @Flag(help: "Do not cut ids and commands.")
    var noTrunc = false

    @Option(name: [.customShort("n"), .long], parsing: .unconditional, help: "The last so many, whatever their state.")
    var last: Int?

    @Flag(name: .shortAndLong, help: "The last one.")
    var latest = false

    @Flag(name: .shortAndLong, help: "Show how much each has written.")
    var size = false

    @Option(
        name: .shortAndLong, parsing: .unconditionalSingleValue, help: "For example status=exited, name=web, label=a=b."
    )
    var filter: [String] = []

    @Option(help: "json, a template such as {{.Names}}, or table and a template.")
    var format: String?

    func run() async throws {
        // A size costs the daemon time, so it is asked for only where it is shown.
        let withSize = size || format?.contains(".Size") == true
        var query = [("all", all ? "1" : "0"), ("size", withSize ? "1" : "0")]
        if let limit = latest ? 1 : last { query.append(("limit", String(limit))) }
        if !filter.isEmpty { query.append(("filters", Filters.encode(filter))) }
        let rows = try await Daemon.client().request("GET", "/containers/json", query: query).json.array ?? []
        let table = rows.map { Row($0, truncating: !noTrunc) }
        if quiet && format == nil {
            for row in table { Output.line(row["ID"]) }
            return
        }
        if let format {
            return try TableFormat(format, headers: Self.headers).show(table.map { ($0.fields, $0.labels) })
        }
        var columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Kind", "Names"]
        if size { columns.append("Size") }
        Output.table(
            columns.map { Self.headers[$0] ?? "" }, table.map { row in columns.map { row[$0] } })
    }

    private static let headers = [
        "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT",
        "RunningFor": "CREATED", "Status": "STATUS", "State": "STATE", "Kind": "KIND", "Runtime": "RUNTIME",
        "Names": "NAMES", "Ports": "PORTS", "Labels": "LABELS", "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES",
        "Networks": "NETWORKS", "Size": "SIZE",
    ]
}

/// Ages in docker's words (go-units, `HumanDuration`).
enum Age {
    static func ago(_ seconds: Int64) -> String {
        duration(max(0, Int64(Date().timeIntervalSince1970) - seconds)) + " ago"
    }

    static func duration(_ seconds: Int64) -> String {
        let (minutes, hours) = (seconds / 60, (seconds + 1_800) / 3_600)
        if seconds < 1 { return "Less than a second" }
        if seconds == 1 { return "1 second" }
        if seconds < 60 { return "\(seconds) seconds" }
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 14 { return "\(hours / 24) days" }
        if hours < 24 * 60 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(hours / 24 / 365) years"
    }
}

/// Sizes in docker's words: powers of 1,000 with three digits, or of 1,024 with four.
enum Size {
    static func decimal(_ bytes: Int64) -> String {
        text(bytes, 1_000, ["B", "kB", "MB", "GB", "TB", "PB"], digits: 3)
    }

    static func binary(_ bytes: Int64) -> String {
        text(bytes, 1_024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], digits: 4)
    }

    private static func text(_ bytes: Int64, _ base: Double, _ units: [String], digits: Int) -> String {
        var value = Double(bytes)
        var unit = 0
        while value >= base && unit < units.count - 1 {
            value /= base
            unit += 1
        }
        // As Go's %.3g or %.4g: so many significant digits, without zeros at the end.
        let whole = String(Int64(value)).count
        let decimals = unit == 0 ? 0 : max(0, digits - whole)
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        var result = "\(rounded)"
        if result.hasSuffix(".0") { result.removeLast(2) }
        return result + units[unit]
    }
}

/// Filters as the API takes them.
enum Filters {
    /// The query of filters, if there are any.
    static func query(_ filters: [String]) -> [(String, String)] {
        filters.isEmpty ? [] : [("filters", encode(filters))]
    }

    static func encode(_ filters: [String]) -> String {
        var members: [String: JSONValue] = [:]
        for filter in filters {
            let parts = filter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let values = (members[parts[0]]?.strings ?? []) + [parts.count > 1 ? parts[1] : ""]
            members[parts[0]] = .strings(values)
        }
        return String(decoding: JSONValue.object(members).encoded(), as: UTF8.self)
    }
}
