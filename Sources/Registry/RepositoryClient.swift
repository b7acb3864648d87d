// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOHTTP1

/// One repository at one registry, as the OCI distribution specification has it.
///
/// Each request has a connection of its own. Redirects are followed, a few of them; whoever they lead to learns nothing about
/// who asks.
public final class RepositoryClient: Sendable {
    /// The repository, for example `library/busybox`.
    public let repository: String
    /// Host and port that are asked.
    public var host: String { endpoint.host }
    /// Whether this is a mirror of Docker Hub.
    public let isMirror: Bool
    /// Settings.
    public let settings: RegistrySettings

    let endpoint: RegistryEndpoint
    private let authorization: RegistryAuthorization
    private let transport: HTTPTransport

    /// The places where a repository may be asked for, best first: mirrors, then the registry itself.
    ///
    /// A later one is to be asked if an earlier one cannot be reached, or is a mirror that does not have it.
    public static func candidates(
        registry: String, repository: String, settings: RegistrySettings, credentials: RegistryCredentials,
        writes: Bool = false
    ) async -> [RepositoryClient] {
        let endpoints = await RegistryEndpoint.all(for: registry, settings, writes: writes)
        return endpoints.map { endpoint in
            let isMirror = registry == "docker.io" && endpoint.host != "registry-1.docker.io"
            return RepositoryClient(
                endpoint: endpoint, repository: repository, isMirror: isMirror, settings: settings,
                // What opens Docker Hub is none of a mirror's business.
                credentials: isMirror ? .anonymous : credentials)
        }
    }

    init(
        endpoint: RegistryEndpoint, repository: String, isMirror: Bool, settings: RegistrySettings,
        credentials: RegistryCredentials
    ) {
        self.endpoint = endpoint
        self.repository = repository
        self.isMirror = isMirror
        self.settings = settings
        let transport = HTTPTransport(
            settings: settings, carelessHost: endpoint.trustsAnyone ? endpoint.host : "")
        self.transport = transport
        authorization = RegistryAuthorization(credentials, endpoint: endpoint, settings: settings) {
            (request) throws(RegistryFailure) in
            try await transport.send(request) { (response) throws(RegistryFailure) in
                (response.status, try await response.collect(atMost: 1 << 20))
            }
        }
    }

    /// Host, an IPv6 address in brackets, and port if one is named.
    static func place(of url: URL) -> String {
        var host = url.host(percentEncoded: false) ?? ""
        if host.contains(":"), !host.hasPrefix("[") { host = "[\(host)]" }
        return url.port.map { "\(host):\($0)" } ?? host
    }

    // MARK: Requests

    /// Scopes that a token needs for what is asked.
    func scopes(writes: Bool, and source: String? = nil) -> [String] {
        ["repository:\(repository):\(writes ? "pull,push" : "pull")"] + (source.map { ["repository:\($0):pull"] } ?? [])
    }

    func url(_ path: String) throws(RegistryFailure) -> URL {
        guard let url = URL(string: endpoint.address + path) else {
            throw RegistryFailure(.corrupt, "'\(RegistryFailure.clean(endpoint.address + path))' is no address")
        }
        return url
    }

    private enum Outcome<Value: Sendable>: Sendable {
        case challenged(HTTPHeaders, RegistryFailure)
        case redirected(String)
        case value(Value)
    }

    /// Sends a request with what it needs to be let in, and hands over whatever answer comes in the end.
    ///
    /// Statuses for which `isOK` is false are failures.
    func send<Value: Sendable>(
        _ first: RemoteRequest, scopes: [String], isOK: (Int) -> Bool = { (200..<300).contains($0) },
        _ receive: (RemoteResponse) async throws(RegistryFailure) -> Value
    ) async throws(RegistryFailure) -> Value {
        var request = first
        var redirects = 0
        var hasShownItself = false
        while true {
            let isOwn = isOwn(request.url)
            request.headers.remove(name: "Authorization")
            do throws(RegistryFailure) {
                if isOwn, let header = try await authorization.header(scopes: scopes) {
                    request.headers.add(name: "Authorization", value: header)
                }
                let mayAsk = isOwn && !hasShownItself
                let follows = request.method == .GET || request.method == .HEAD
                let outcome = try await transport.send(request) {
                    (response) throws(RegistryFailure) -> Outcome<Value> in
                    if response.status == 401, isOwn {
                        let body = request.method == .HEAD ? [] : try await response.collect(atMost: 1 << 16)
                        let failure = RegistryFailure.response(401, body, to: response.request)
                        guard mayAsk else { throw failure }
                        return .challenged(response.headers, failure)
                    }
                    if follows, [301, 302, 303, 307, 308].contains(response.status),
                        let location = response.headers["Location"].first
                    {
                        return .redirected(location)
                    }
                    guard isOK(response.status) else { throw try await Self.refusal(response, request) }
                    return .value(try await receive(response))
                }
                switch outcome {
                case .value(let value): return value
                case .challenged(let headers, let failure):
                    hasShownItself = true
                    guard try await authorization.take(headers, scopes: scopes) else { throw failure }
                case .redirected(let location):
                    redirects += 1
                    guard redirects <= 10 else {
                        throw RegistryFailure(.corrupt, "\(first.description): stopped after 10 redirects")
                    }
                    request.url = try Self.target(location, from: request.url)
                }
            } catch {
                guard error.message == "no basic auth credentials" else { throw error }
                var named = RegistryFailure(
                    .unauthorized, "\(first.description): no basic auth credentials", code: error.code)
                named.hint = error.hint
                throw named
            }
        }
    }

    /// Scheme, host and port are those of the registry.
    private func isOwn(_ url: URL) -> Bool { "\(url.scheme ?? "")://\(Self.place(of: url))" == endpoint.address }

    private static func refusal(
        _ response: RemoteResponse, _ request: RemoteRequest
    ) async throws(RegistryFailure) -> RegistryFailure {
        let body = request.method == .HEAD ? [] : try await response.collect(atMost: 1 << 16)
        var failure = RegistryFailure.response(response.status, body, to: response.request)
        if let seconds = response.headers["Retry-After"].first.flatMap({ Int($0) }), (0...60).contains(seconds) {
            failure.pause = .seconds(seconds)
        }
        return failure
    }

    /// Where a `Location` leads.
    static func target(_ location: String, from url: URL) throws(RegistryFailure) -> URL {
        guard let target = URL(string: location, relativeTo: url)?.absoluteURL, target.host != nil,
            ["http", "https"].contains(target.scheme)
        else {
            throw RegistryFailure(
                .corrupt, "\(place(of: url)) redirects to '\(RegistryFailure.clean(location))', which is no address")
        }
        guard target.scheme == "https" || url.scheme != "https" || place(of: target) == place(of: url) else {
            throw RegistryFailure(
                .insecure, "\(place(of: url)) redirects to '\(RegistryFailure.clean(location))', away from HTTPS",
                hint: "The registry has to be set up to stay with HTTPS.")
        }
        return target
    }

    // MARK: Trying again

    /// Does something again as long as it fails for reasons that pass.
    public func retrying<Value: Sendable>(
        _ body: () async throws(RegistryFailure) -> Value
    ) async throws(RegistryFailure) -> Value {
        var failures = 0
        while true {
            do throws(RegistryFailure) {
                return try await body()
            } catch {
                failures += 1
                guard error.isTransient, failures < settings.attempts else { throw error }
                try await Self.sleep(error.pause ?? settings.delay(after: failures))
            }
        }
    }

    /// Waits, unless the caller does not want it any more.
    public static func sleep(_ duration: Duration) async throws(RegistryFailure) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw RegistryFailure(.cancelled, "context canceled")
        }
    }
}
