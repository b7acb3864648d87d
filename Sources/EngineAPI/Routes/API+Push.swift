// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import OCI
import Registry
import TandemModel

/// Images that go to registries, and what else registries are asked.
extension API {
    /// `docker push`: the tag that is named, or every tag of the repository.
    func pushImage(_ call: Call) async throws(EngineError) {
        let credentials = try RegistryHeader.credentials(of: call.request)
        let name = try Reference(call["name"])
        var references: [Reference] = []
        if let tag = call.request["tag"] {
            references = [try name.with(tag: tag)]
        } else {
            for key in engine.images.references.keys.sorted() {
                guard let known = try? Reference(key) else { continue }  // names in the store are references
                if known.familiarName == name.familiarName { references.append(known) }
            }
        }
        guard !references.isEmpty else {
            throw EngineError(
                .notFound, "An image does not exist locally with the tag: \(name.registry)/\(name.repository)",
                hint: "Give an image that name: tandem tag IMAGE \(name.familiarName)")
        }
        let (engine, settled) = (engine, references)
        try await withProgress(call) { (report) throws(EngineError) in
            for reference in settled { try await engine.push(reference, credentials: credentials, report: report) }
        }
    }

    /// `docker login`: whether a registry takes these credentials.
    func logIn(_ call: Call) async throws(EngineError) {
        let document = try await call.request.json()
        let server = document["serveraddress"].string ?? ""
        try await engine.logIn(
            registry: Self.registry(server), credentials: RegistryHeader.credentials(document))
        try await call.connection.respond(["Status": "Login Succeeded", "IdentityToken": ""])
    }

    /// The registry that an address means: Docker Hub has one of its own, others may have a scheme.
    private static func registry(_ server: String) throws(EngineError) -> String {
        var rest = server[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        let host = String(rest.prefix { $0 != "/" })
        if host.isEmpty || host == "index.docker.io" || host == "docker.io" { return "docker.io" }
        // A name without a dot is a registry here, though it would be none at the beginning of a reference.
        let isPlain = !host.contains(".") && !host.contains(":")
        _ = try Reference(isPlain ? "\(host).local/name" : "\(host)/name")
        return host
    }

    /// What a registry has under a name, without fetching it.
    func inspectDistribution(_ call: Call) async throws(EngineError) {
        let remote = try await engine.inspect(
            try Reference(call["name"]), credentials: try RegistryHeader.credentials(of: call.request))
        try await call.connection.respond([
            "Descriptor": [
                "mediaType": .string(remote.descriptor.mediaType ?? ""), "digest": .string(remote.descriptor.digest),
                "size": .count(remote.descriptor.size),
            ],
            "Platforms": .array(
                remote.platforms.map { platform in
                    var document: JSONValue = [
                        "architecture": .string(platform.architecture), "os": .string(platform.os),
                    ]
                    if let variant = platform.variant { document["variant"] = .string(variant) }
                    return document
                }),
        ])
    }
}
