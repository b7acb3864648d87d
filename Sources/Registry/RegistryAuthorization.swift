// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOHTTP1
import TandemModel

/// Shows one registry who asks: by name and password, or by tokens that it has sent us to fetch (distribution
/// specification, "Token Authentication").
actor RegistryAuthorization {
    private let credentials: RegistryCredentials
    private let endpoint: RegistryEndpoint
    private let settings: RegistrySettings
    private let fetch: @Sendable (RemoteRequest) async throws(RegistryFailure) -> (status: Int, body: [UInt8])
    private var challenge: Challenge?
    private var tokens: [String: (value: String, expires: ContinuousClock.Instant)] = [:]

    init(
        _ credentials: RegistryCredentials, endpoint: RegistryEndpoint, settings: RegistrySettings,
        fetch: @escaping @Sendable (RemoteRequest) async throws(RegistryFailure) -> (status: Int, body: [UInt8])
    ) {
        self.credentials = credentials
        self.endpoint = endpoint
        self.settings = settings
        self.fetch = fetch
    }

    /// The header for a request that needs these scopes; `nil` as long as the registry has not asked for one.
    func header(scopes: [String]) async throws(RegistryFailure) -> String? {
        guard let challenge else { return nil }
        if challenge.scheme == "basic" {
            return "Basic " + Self.basic(credentials)
        }
        if !credentials.registryToken.isEmpty { return "Bearer " + credentials.registryToken }
        return "Bearer " + (try await token(challenge, scopes: scopes))
    }

    /// Takes a refusal's challenge in.
    ///
    /// - Returns: Whether another try makes sense.
    func take(_ headers: HTTPHeaders, scopes: [String]) throws(RegistryFailure) -> Bool {
        let offered = headers["WWW-Authenticate"].flatMap(Challenge.parse)
        guard
            let chosen = offered.first(where: { $0.scheme == "bearer" })
                ?? offered.first(where: { $0.scheme == "basic" })
        else { return false }
        if chosen.scheme == "basic", credentials.user.isEmpty {
            throw RegistryFailure(
                .unauthorized, "no basic auth credentials", code: "UNAUTHORIZED",
                hint: "Log in first: tandem login \(endpoint.host)")
        }
        let isKnown = challenge?.scheme == chosen.scheme
        let isExpired = tokens.removeValue(forKey: scopes.joined(separator: " ")) != nil
        challenge = chosen
        return !isKnown || isExpired
    }

    private func token(_ challenge: Challenge, scopes: [String]) async throws(RegistryFailure) -> String {
        let key = scopes.joined(separator: " ")
        if let known = tokens[key], known.expires > .now { return known.value }
        let (status, body) = try await fetch(try request(challenge, scopes: scopes))
        guard status == 200 else {
            throw RegistryFailure.response(status, body, to: "token of '\(endpoint.host)'")
        }
        struct Answer: Decodable {
            var token: String?
            var accessToken: String?
            var lifetime: Int?

            enum CodingKeys: String, CodingKey {
                case token
                case accessToken = "access_token"
                case lifetime = "expires_in"
            }
        }
        // No token is what a body that cannot be read means.
        let answer = try? JSONDecoder().decode(Answer.self, from: Data(body))
        guard let value = answer?.token ?? answer?.accessToken, !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 })
        else {
            throw RegistryFailure(.corrupt, "the token server of '\(endpoint.host)' gave no token")
        }
        // Docker's default is a minute; a little less, for the way.
        let seconds = max(10, (answer?.lifetime ?? 60) - 5)
        tokens[key] = (value, .now + .seconds(seconds))
        return value
    }

    private func request(_ challenge: Challenge, scopes: [String]) throws(RegistryFailure) -> RemoteRequest {
        guard let realm = challenge.parameters["realm"], let url = URL(string: realm), let host = url.host,
            ["http", "https"].contains(url.scheme)
        else {
            throw RegistryFailure(.corrupt, "the registry '\(endpoint.host)' names no token server that can be asked")
        }
        // Passwords go nowhere in the clear but to the host itself, if that has no better way either.
        let isOwn = endpoint.isPlain && host == RegistryEndpoint.hostName(of: endpoint.host)
        guard url.scheme == "https" || isOwn || (endpoint.isPlain && !credentials.isSecret) else {
            throw RegistryFailure(
                .insecure,
                "the registry '\(endpoint.host)' asks for credentials to be sent to another host, '\(RegistryFailure.clean(host))', without TLS",
                hint: "Its token server has to be reached by HTTPS.")
        }
        if !credentials.identityToken.isEmpty {
            var fields = [
                ("grant_type", "refresh_token"), ("refresh_token", credentials.identityToken),
                ("service", challenge.parameters["service"] ?? ""), ("client_id", "tandem"),
            ]
            if !scopes.isEmpty { fields.append(("scope", scopes.joined(separator: " "))) }
            return RemoteRequest(
                method: .POST, url: url, headers: ["Content-Type": "application/x-www-form-urlencoded"],
                body: .bytes(Array(Self.form(fields).utf8)))
        }
        var query: [(String, String)] = []
        if let service = challenge.parameters["service"] { query.append(("service", service)) }
        query += scopes.map { ("scope", $0) }
        if !credentials.user.isEmpty { query.append(("account", credentials.user)) }
        let separator = url.query == nil ? "?" : "&"
        guard let complete = query.isEmpty ? url : URL(string: realm + separator + Self.form(query)) else {
            throw RegistryFailure(.corrupt, "the registry '\(endpoint.host)' names no token server that can be asked")
        }
        var request = RemoteRequest(method: .GET, url: complete)
        if !credentials.user.isEmpty {
            request.headers.add(name: "Authorization", value: "Basic " + Self.basic(credentials))
        }
        return request
    }

    private static func basic(_ credentials: RegistryCredentials) -> String {
        Data("\(credentials.user):\(credentials.password)".utf8).base64EncodedString()
    }

    private static func form(_ fields: [(String, String)]) -> String {
        fields.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }
}
