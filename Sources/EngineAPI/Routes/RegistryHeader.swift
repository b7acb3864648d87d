// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import NIOHTTP1
import Registry
import TandemModel

/// The header in which Docker's clients hand over what opens a registry.
enum RegistryHeader {
    static func credentials(of request: Request) throws(EngineError) -> RegistryCredentials {
        guard let text = request.headers["X-Registry-Auth"].first, !text.isEmpty else { return .anonymous }
        // URL-safe base64; some clients leave the padding out.
        var standard = text.replacing("-", with: "+").replacing("_", with: "/")
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: standard), let document = JSONValue(parsing: data) else {
            // As dockerd: it may still work without.
            return .anonymous
        }
        return credentials(document)
    }

    /// What a build may use, by registry: the header `X-Registry-Config`.
    static func all(of request: Request) -> [String: RegistryCredentials] {
        guard let text = request.headers["X-Registry-Config"].first, !text.isEmpty else { return [:] }
        var standard = text.replacing("-", with: "+").replacing("_", with: "/")
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: standard), let document = JSONValue(parsing: data) else { return [:] }
        var known: [String: RegistryCredentials] = [:]
        for (name, entry) in document.object ?? [:] {
            // Docker's own registry has an address of old.
            known[name == "https://index.docker.io/v1/" ? "docker.io" : name] = credentials(entry)
        }
        return known
    }

    /// Docker's `AuthConfig`.
    static func credentials(_ document: JSONValue) -> RegistryCredentials {
        var user = document["username"].string ?? ""
        var password = document["password"].string ?? ""
        if user.isEmpty, let joined = document["auth"].string, let data = Data(base64Encoded: joined) {
            let parts = String(decoding: data, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = parts.first.map(String.init) ?? ""
            password = parts.count > 1 ? String(parts[1]) : ""
        }
        return RegistryCredentials(
            user: user, password: password, identityToken: document["identitytoken"].string ?? "",
            registryToken: document["registrytoken"].string ?? "")
    }
}
