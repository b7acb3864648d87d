// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import NIOHTTP1
import OCI

/// A manifest or an index as it came.
public struct RemoteManifest: Sendable {
    /// What it says it is.
    public var mediaType: String
    /// Byte for byte.
    public var content: [UInt8]
    /// `sha256:…` of the content.
    public var digest: String

    /// Names a manifest by its content.
    public init(mediaType: String, content: [UInt8]) {
        self.mediaType = mediaType
        self.content = content
        digest = RepositoryClient.digest(content)
    }
}

extension RepositoryClient {
    /// Longest manifest that is taken, as the specification advises.
    private static let manifestLimit = 4 << 20

    private static let accepted = [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
    ]

    /// `sha256:…` of bytes.
    public static func digest(_ content: [UInt8]) -> String {
        "sha256:"
            + SHA256.hash(data: content).map { byte in
                let digits = Array("0123456789abcdef")
                return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }.joined()
    }

    /// Fetches a manifest or an index by tag or digest, and checks it.
    public func manifest(_ reference: String) async throws(RegistryFailure) -> RemoteManifest {
        var request = RemoteRequest(method: .GET, url: try url("/v2/\(repository)/manifests/\(reference)"))
        for type in Self.accepted { request.headers.add(name: "Accept", value: type) }
        let settled = request
        let manifest = try await retrying { () throws(RegistryFailure) in
            try await send(settled, scopes: scopes(writes: false)) { (response) throws(RegistryFailure) in
                let content = try await response.collect(atMost: Self.manifestLimit)
                let announced = response.headers["Docker-Content-Digest"].first
                let type = response.headers["Content-Type"].first ?? ""
                return (RemoteManifest(mediaType: Self.mediaType(type, content), content: content), announced)
            }
        }
        let expected = reference.hasPrefix("sha256:") ? reference : manifest.1
        if let expected, expected.hasPrefix("sha256:"), expected != manifest.0.digest {
            throw RegistryFailure(
                .corrupt, "manifest verification failed for digest \(RegistryFailure.clean(expected))",
                hint:
                    "What came has the digest \(manifest.0.digest): it was changed on its way, or the registry is damaged."
            )
        }
        return manifest.0
    }

    /// What a manifest is: by its own word, else by the registry's.
    private static func mediaType(_ header: String, _ content: [UInt8]) -> String {
        struct Head: Decodable {
            var mediaType: String?
            var schemaVersion: Int?
        }
        // One that cannot be read is refused by whoever wants to know more.
        let head = try? JSONDecoder().decode(Head.self, from: Data(content))
        if head?.schemaVersion == 1 { return "application/vnd.docker.distribution.manifest.v1+json" }
        if let type = head?.mediaType, !type.isEmpty { return type }
        return String(header.prefix { $0 != ";" && $0 != " " })
    }

    /// Puts a manifest under a tag.
    public func put(_ manifest: RemoteManifest, tag: String) async throws(RegistryFailure) {
        let request = RemoteRequest(
            method: .PUT, url: try url("/v2/\(repository)/manifests/\(tag)"),
            headers: ["Content-Type": manifest.mediaType], body: .bytes(manifest.content))
        try await retrying { () throws(RegistryFailure) in
            try await send(request, scopes: scopes(writes: true)) { (_) throws(RegistryFailure) in }
        }
    }

    /// All tags.
    public func tags() async throws(RegistryFailure) -> [String] {
        struct Page: Decodable {
            var tags: [String]?
        }
        var tags: [String] = []
        var next: URL? = try url("/v2/\(repository)/tags/list")
        var pages = 0
        while let page = next {
            pages += 1
            guard pages <= 1_000 else {
                throw RegistryFailure(.corrupt, "the list of tags of '\(repository)' has no end")
            }
            let (found, link) = try await retrying { () throws(RegistryFailure) in
                try await send(RemoteRequest(method: .GET, url: page), scopes: scopes(writes: false)) {
                    (response) throws(RegistryFailure) in
                    let content = try await response.collect(atMost: Self.manifestLimit)
                    guard let page = try? JSONDecoder().decode(Page.self, from: Data(content)) else {
                        throw RegistryFailure(.corrupt, "the list of tags of '\(repository)' cannot be read")
                    }
                    return (page.tags ?? [], response.headers["Link"].first)
                }
            }
            tags += found
            next = nil
            // <address>; rel="next"
            if let link, let begin = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), begin < end {
                next = try Self.target(String(link[link.index(after: begin)..<end]), from: page)
            }
        }
        return tags
    }

    /// Asks whether the credentials open the registry.
    public func logIn() async throws(RegistryFailure) {
        let request = RemoteRequest(method: .GET, url: try url("/v2/"))
        do throws(RegistryFailure) {
            try await send(request, scopes: []) { (_) throws(RegistryFailure) in }
        } catch {
            guard error.reason == .unauthorized else { throw error }
            throw RegistryFailure(
                .unauthorized,
                "login attempt to \(request.url.absoluteString) failed with status: 401 Unauthorized", code: error.code)
        }
    }
}
