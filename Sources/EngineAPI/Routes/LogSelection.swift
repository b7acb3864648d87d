// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import LinuxSystem
import TandemModel

/// Which entries of a log a client wants to see, and how they look (moby daemon/logs.go, daemon/logger/loggerutils).
struct LogSelection: Sendable {
    /// Whether it wants to see what is still to come.
    let follows: Bool
    private let output: Bool
    private let errors: Bool
    private let since: Timestamp?
    private let until: Timestamp?
    private let tail: Int?
    private let withTime: Bool
    private let withDetails: Bool

    /// - Throws: `.invalidArgument` in Docker's words.
    init(_ request: Request) throws(EngineError) {
        (output, errors) = (request.flag("stdout"), request.flag("stderr"))
        guard output || errors else {
            throw EngineError(.invalidArgument, "Bad parameters: you must choose at least one stream")
        }
        let time = { (name: String) throws(EngineError) -> Timestamp? in
            guard let text = request[name], text != "0" else { return nil }
            return try TimeParameter.parse(text)
        }
        since = try time("since")
        until = try time("until")
        // As dockerd: what is no number means all of it.
        tail = request["tail"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
        follows = request.flag("follow")
        withTime = request.flag("timestamps")
        withDetails = request.flag("details")
    }

    /// The entries from which those that are wanted are taken: dockerd counts first and chooses then.
    func last(of entries: [LogEntry]) -> [LogEntry] { tail.map { Array(entries.suffix($0)) } ?? entries }

    func wants(_ entry: LogEntry) -> Bool {
        guard entry.stream == "stderr" ? errors : output else { return false }
        guard since != nil || until != nil, let time = entry.timestamp else { return true }
        return since.map { time >= $0 } ?? true && until.map { time <= $0 } ?? true
    }

    /// Whether nothing that comes behind these entries can be wanted any more.
    func hasEnded(_ entries: [LogEntry]) -> Bool {
        guard let until else { return false }
        return HostTime.now > until || (entries.last?.timestamp).map { $0 > until } ?? false
    }

    func text(of entry: LogEntry) -> String {
        var text = entry.log
        if withDetails { text = "\(Self.details(entry.attrs ?? [:])) \(text)" }
        if withTime { text = "\(entry.timestamp?.rfc3339 ?? entry.time) \(text)" }
        return text
    }

    private static func details(_ attributes: [String: String]) -> String {
        attributes.map { "\(escaped($0))=\(escaped($1))" }.sorted().joined(separator: ",")
    }

    /// As Go's `url.QueryEscape`.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x20: result += "+"
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
