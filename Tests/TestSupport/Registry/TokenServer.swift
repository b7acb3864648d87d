// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// A token server as registries send their clients to (distribution, "Token Authentication"): one user may do everything,
/// everybody else may pull what lies below `public/`.
public final class TokenServer: Sendable {
    private let responder: HTTPResponder
    /// Path of the certificate that a registry has to know.
    public let certificate: String
    private let folder: ScratchFolder

    /// Starts it for a user.
    public init(user: String, password: String) async throws {
        let folder = try ScratchFolder(prefix: "token")
        self.folder = folder
        certificate = folder.path + "/certificate.pem"
        let made = try await Program(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-keyout", folder.path + "/key.pem", "-out", certificate, "-subj", "/CN=test"]
        ).run()
        guard made.status == 0 else { throw Daemon.Failure(description: made.errors) }
        let key = try P256.Signing.PrivateKey(
            pemRepresentation: String(contentsOf: folder.url("key.pem"), encoding: .utf8))
        let pem = try String(contentsOf: folder.url("certificate.pem"), encoding: .utf8)
        let encoded = pem.split(separator: "\n").filter { !$0.hasPrefix("-") }.joined()
        let expected = "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
        responder = try HTTPResponder { request, connection in
            let isUser = request.headers["authorization"] == expected
            guard isUser || request.headers["authorization"] == nil else {
                return HTTPResponder.answer(
                    connection, "401 Unauthorized", body: Array(#"{"details":"incorrect username or password"}"#.utf8))
            }
            let components = URLComponents(string: request.path)
            let scopes = (components?.queryItems ?? []).filter { $0.name == "scope" }.compactMap(\.value)
            let token = Self.token(scopes, isUser: isUser, key, encoded)
            HTTPResponder.answer(connection, body: Array(#"{"token":"\#(token)","expires_in":60}"#.utf8))
        }
    }

    /// The address that a registry names.
    public var realm: String { "http://\(responder.address)/token" }

    /// What has been asked for.
    public var requests: [HTTPResponder.Request] { responder.requests }

    /// Ends it.
    public func stop() {
        responder.stop()
        folder.remove()
    }

    private static func token(
        _ scopes: [String], isUser: Bool, _ key: P256.Signing.PrivateKey, _ certificate: String
    ) -> String {
        let access: [[String: Any]] = scopes.compactMap { scope in
            let parts = scope.split(separator: ":").map(String.init)
            guard parts.count == 3, isUser || parts[1].hasPrefix("public/") else { return nil }
            let actions = isUser ? parts[2].split(separator: ",").map(String.init) : ["pull"]
            return ["type": parts[0], "name": parts[1], "actions": actions]
        }
        let now = Int(Date().timeIntervalSince1970)
        let header: [String: Any] = ["typ": "JWT", "alg": "ES256", "x5c": [certificate]]
        let claims: [String: Any] = [
            "iss": "test", "sub": "", "aud": "test", "exp": now + 300, "nbf": now - 30, "iat": now, "jti": "1",
            "access": access,
        ]
        // Values of JSON's own types always serialize.
        let parts = [header, claims].map { url((try? JSONSerialization.data(withJSONObject: $0)) ?? Data()) }
        let text = parts.joined(separator: ".")
        // Any bytes can be signed.
        let signature = (try? key.signature(for: Data(text.utf8)).rawRepresentation) ?? Data()
        return text + "." + url(signature)
    }

    private static func url(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }
}
