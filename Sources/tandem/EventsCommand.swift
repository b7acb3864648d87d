// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happens, as it happens.")

    @Option(parsing: .unconditional, help: "From this time on: a date, seconds since 1970, or an age such as 10m.")
    var since: String?

    @Option(parsing: .unconditional, help: "Until this time.")
    var until: String?

    @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "For example event=die, type=image.")
    var filter: [String] = []

    @Option(help: "json, or a template such as {{.Actor.ID}}.")
    var format: String?

    func run() async throws {
        var query: [(String, String)] = []
        if let since { query.append(("since", try TimeOption.parse(since, "since"))) }
        if let until { query.append(("until", try TimeOption.parse(until, "until"))) }
        if !filter.isEmpty { query.append(("filters", Filters.encode(filter))) }
        let format = format
        let failure = try await Daemon.client().stream("GET", "/events", query: query) {
            (response) throws(ClientError) -> CommandFailure? in
            var rest: [UInt8] = []
            while let bytes = try await response.next() {
                rest += bytes
                while let end = rest.firstIndex(of: 0x0A) {
                    let event = JSONValue(parsing: Data(rest[..<end]))
                    rest.removeFirst(end + 1)
                    do throws(CommandFailure) {
                        if let event { Output.line(try Self.line(event, format)) }
                    } catch {
                        return error
                    }
                }
            }
            return nil
        }
        if let failure { throw failure }
    }

    private static func line(_ event: JSONValue, _ format: String?) throws(CommandFailure) -> String {
        if let format { return try Template.render(format, event) }
        let actor = event["Actor"]
        let attributes = (actor["Attributes"].stringMap ?? [:]).map { "\($0)=\($1)" }.sorted()
        let line = [
            time(event["timeNano"].integer ?? 0), event["Type"].string ?? "", event["Action"].string ?? "",
            actor["ID"].string ?? "",
        ].joined(separator: " ")
        return attributes.isEmpty ? line : "\(line) (\(attributes.joined(separator: ", ")))"
    }

    /// RFC 3339 with nine digits of a second, in our zone.
    private static func time(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let date = String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(date).\(fraction)" + zone(parts.tm_gmtoff / 60)
    }

    private static func zone(_ minutes: Int) -> String {
        if minutes == 0 { return "Z" }
        let digits = { (number: Int) in String(number + 100).dropFirst() }
        return (minutes < 0 ? "-" : "+") + digits(abs(minutes) / 60) + ":" + digits(abs(minutes) % 60)
    }
}
