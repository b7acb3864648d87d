// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import NIOHTTP1

/// What a server has said of a file that was fetched.
public struct RemoteFile: Sendable {
    /// The path of the address that was asked for, without escapes.
    public var path: String
    /// What it is; empty if that was not said.
    public var type: String
    /// `Content-Disposition`; empty if there was none.
    public var disposition: String
    /// Seconds since 1970 of the last change; `nil` if that was not said.
    public var modified: Int64?
}

/// Fetches files by their addresses, as builds name them.
///
/// The host's authorities are trusted, and for each host those of its folder of certificates, as for registries.
public struct RemoteFiles: Sendable {
    private let transport: HTTPTransport

    /// With the proxies, certificates and time-outs of these settings.
    public init(settings: RegistrySettings) { transport = HTTPTransport(settings: settings) }

    private enum Outcome: Sendable {
        case redirected(String)
        case file(RemoteFile)
    }

    /// Fetches a file, and gives it piece by piece with its whole length if that is known.
    ///
    /// - Throws: `.refused` in the words of dockerd for statuses from 400 on, `.corrupt` for more than `limit` bytes.
    public func fetch(
        _ address: String, atMost limit: UInt64,
        _ receive: ([UInt8], _ total: UInt64?) async throws(RegistryFailure) -> Void
    ) async throws(RegistryFailure) -> RemoteFile {
        guard let first = URL(string: address), first.host != nil, ["http", "https"].contains(first.scheme) else {
            throw RegistryFailure(.corrupt, "'\(RegistryFailure.clean(address))' is no address")
        }
        var request = RemoteRequest(method: .GET, url: first)
        for _ in 0...10 {
            if let user = request.url.user(percentEncoded: false) {
                let words = "\(user):\(request.url.password(percentEncoded: false) ?? "")"
                request.headers.replaceOrAdd(
                    name: "Authorization", value: "Basic " + Data(words.utf8).base64EncodedString())
            } else {
                request.headers.remove(name: "Authorization")
            }
            let outcome = try await transport.send(request) { (response) throws(RegistryFailure) -> Outcome in
                if [301, 302, 303, 307, 308].contains(response.status),
                    let location = response.headers["Location"].first
                {
                    return .redirected(location)
                }
                guard response.status < 400 else { throw try await Self.refusal(response, address) }
                let total = response.headers["Content-Length"].first.flatMap { UInt64($0) }
                try Self.check(total ?? 0, limit, address)
                var count: UInt64 = 0
                while let buffer = try await response.next() {
                    count += UInt64(buffer.readableBytes)
                    try Self.check(count, limit, address)
                    try await receive(Array(buffer.readableBytesView), total)
                }
                return .file(
                    RemoteFile(
                        path: first.path(percentEncoded: false), type: response.headers["Content-Type"].first ?? "",
                        disposition: response.headers["Content-Disposition"].first ?? "",
                        modified: response.headers["Last-Modified"].first.flatMap(HTTPDate.seconds)))
            }
            switch outcome {
            case .file(let file): return file
            case .redirected(let location):
                request.url = try RepositoryClient.target(location, from: request.url)
            }
        }
        throw RegistryFailure(.corrupt, "\(request.description): stopped after 10 redirects")
    }

    private static func check(_ count: UInt64, _ limit: UInt64, _ address: String) throws(RegistryFailure) {
        guard count <= limit else {
            throw RegistryFailure(.corrupt, "\(RegistryFailure.clean(address)) is longer than \(limit) bytes")
        }
    }

    private static func refusal(
        _ response: RemoteResponse, _ address: String
    ) async throws(RegistryFailure) -> RegistryFailure {
        let body = try await response.collect(atMost: 1 << 16)
        let text = RegistryFailure.clean(String(decoding: body, as: UTF8.self)).split(separator: " ")
        return RegistryFailure(
            .refused(status: response.status),
            "failed to GET \(RegistryFailure.clean(address)) with status \(response.status) \(RegistryFailure.clean(response.reason)): "
                + text.joined(separator: " "), hint: "Check the address.")
    }
}

/// Times of HTTP (RFC 9110, 5.6.7), in the one form that servers send.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`; `nil` for anything else.
    static func seconds(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(where: { $0 == words[2] }), let year = Int64(words[3]),
            (1_970...9_999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        // Days since 0000-03-01 of the proleptic Gregorian calendar; years begin in March.
        let (shifted, place) = month < 2 ? (year - 1, Int64(month) + 10) : (year, Int64(month) - 2)
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * place + 2) / 5 + day - 1
        return (days - 719_468) * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
    }
}
