// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import NIOCore
import NIOHTTP1
import TandemModel

/// The parts that arrive on a connection, one reader at a time.
typealias InboundIterator = NIOAsyncChannelInboundStream<InboundPart>.AsyncIterator

/// One request; its body is read on demand.
///
/// Used by the connection's own task alone.
final class Request {
    let method: HTTPMethod
    /// Without the version prefix and the query.
    let path: String
    /// The version asked for.
    let version: String?
    let headers: HTTPHeaders
    let query: [String: [String]]
    private let connection: Connection
    private var isBodyRead = false

    init(_ head: HTTPRequestHead, connection: Connection) {
        method = head.method
        headers = head.headers
        self.connection = connection
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = String(parts[0])
        var version: String?
        if path.hasPrefix("/v"), let slash = path.dropFirst().firstIndex(of: "/") {
            let candidate = path[path.index(path.startIndex, offsetBy: 2)..<slash]
            if candidate.allSatisfy({ $0.isNumber || $0 == "." }), candidate.contains(".") {
                version = String(candidate)
                path = String(path[slash...])
            }
        }
        self.path = path
        self.version = version
        query = Self.parse(parts.count > 1 ? parts[1] : "")
    }

    private static func parse(_ text: Substring) -> [String: [String]] {
        var query: [String: [String]] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? decode(parts[1]) : ""
            query[decode(parts[0]), default: []].append(value)
        }
        return query
    }

    /// Percent-encoding, and `+` for a space (URL standard, application/x-www-form-urlencoded).
    static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == 0x2B ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the client speaks an older version than this; one that names none speaks the newest.
    func isOlder(than major: Int, _ minor: Int) -> Bool {
        let parts = (version ?? APIVersion.newest).split(separator: ".").map { Int($0) ?? 0 }
        return (parts.first ?? 0, parts.dropFirst().first ?? 0) < (major, minor)
    }

    // MARK: Query

    /// A parameter's first value; empty ones count as missing.
    subscript(name: String) -> String? { query[name]?.first.flatMap { $0.isEmpty ? nil : $0 } }

    /// A parameter as a truth value, by Docker's rule: anything but empty, `0`, `no`, `false`, `none` is true.
    func flag(_ name: String, default value: Bool = false) -> Bool {
        guard let text = query[name]?.first else { return value }
        return !["", "0", "no", "false", "none"].contains(text.lowercased())
    }

    /// A parameter as a number.
    func number(_ name: String) throws(EngineError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text) else {
            throw EngineError(.invalidArgument, "the parameter '\(name)' is '\(text)', which is no number")
        }
        return number
    }

    /// Docker's `filters`: a JSON object of lists, or of objects in the old form.
    func filters() throws(EngineError) -> [String: [String]] {
        guard let text = self["filters"] else { return [:] }
        guard let members = JSONValue(parsing: Data(text.utf8))?.object else {
            throw EngineError(
                .invalidArgument, "invalid filter: it is no JSON object", hint: "For example {\"label\":[\"a=b\"]}.")
        }
        return members.mapValues { $0.strings ?? $0.object.map { $0.filter { $0.value == true }.keys.sorted() } ?? [] }
    }

    // MARK: Body

    /// The next piece of the body; `nil` at its end.
    func nextBytes() async throws(EngineError) -> [UInt8]? {
        while !isBodyRead {
            switch try await connection.next() {
            case .request(.body(let buffer)): return Array(buffer.readableBytesView)
            case .request(.end): isBodyRead = true
            case .request(.head), .bytes, nil:
                isBodyRead = true
                throw EngineError(.invalidArgument, "the request was cut short")
            }
        }
        return nil
    }

    /// The whole body, which has to be small.
    func body() async throws(EngineError) -> [UInt8] {
        var content: [UInt8] = []
        while let bytes = try await nextBytes() {
            content += bytes
            guard content.count <= 16 << 20 else {
                throw EngineError(
                    .invalidArgument, "the request's body is too long", hint: "A description has at most 16 MiB.")
            }
        }
        return content
    }

    /// The body as JSON; an empty one is an empty object.
    func json() async throws(EngineError) -> JSONValue {
        let content = try await body()
        if content.isEmpty { return [:] }
        guard let value = JSONValue(parsing: Data(content)) else {
            throw EngineError(.invalidArgument, "invalid JSON in the request's body", hint: "Send a JSON object.")
        }
        return value
    }

    /// Reads what is left, so that the next request begins where this one ends.
    func skipBody() async throws(EngineError) { while try await nextBytes() != nil {} }
}
