// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import OCI
import TandemModel

/// An unpacked archive of `docker save` or an OCI layout.
///
/// Paths in it are resolved within its own tree.
struct ImageArchive {
    /// A file of the archive and what is known about it.
    struct Blob {
        var path: String
        /// `sha256:…` of the file; `nil` where the format does not say.
        var digest: String?
    }

    /// One image of the archive.
    struct Entry {
        var configuration: String
        var configurationDigest: String?
        var layers: [Blob]
        var references: [String]
    }

    private(set) var images: [Entry] = []
    private let unpacked: LayerBuilder.Unpacked
    /// Descriptors of indexes that have been looked at.
    private var seen = 0
    private static let most = 1_000

    /// Looks what an archive is.
    ///
    /// - Returns: `nil` if it is neither format, for example a root file system.
    init?(_ unpacked: LayerBuilder.Unpacked) throws(EngineError) {
        self.unpacked = unpacked
        if isFile("oci-layout"), isFile("index.json") {
            let content = try read("index.json", digest: nil)
            let index = try ImageStore.decode(Index.self, from: content, "the archive's 'index.json'")
            try add(index, name: nil, depth: 0)
        } else if isFile("manifest.json") {
            // A root file system may have a file of that name too: only what reads as Docker's manifest is one.
            guard
                let entries = try? JSONDecoder().decode(
                    [DockerArchiveEntry].self, from: read("manifest.json", digest: nil))
            else { return nil }
            images = entries.map { entry in
                Entry(
                    configuration: entry.config, configurationDigest: nil,
                    layers: entry.layers.map { Blob(path: $0, digest: nil) }, references: entry.repoTags ?? [])
            }
        } else {
            return nil
        }
        guard !images.isEmpty else { throw EngineError(.corruptData, "the archive holds no image for this machine") }
    }

    private mutating func add(_ index: Index, name: String?, depth: Int) throws(EngineError) {
        guard depth < 4 else { throw EngineError(.corruptData, "the archive's indexes lie too deep in each other") }
        for descriptor in index.manifests {
            // Each of a few indexes may name the next one a thousand times.
            seen += 1
            guard seen <= Self.most else {
                throw EngineError(
                    .corruptData, "the archive's indexes name more than \(Self.most) images",
                    hint: "Divide it into several archives.")
            }
            let reference = name ?? Self.reference(descriptor)
            if let platform = descriptor.platform, platform.architecture != Self.architecture || platform.os != "linux"
            {
                continue
            }
            let content = try read(try Self.path(of: descriptor.digest), digest: descriptor.digest)
            if descriptor.isIndex {
                try add(
                    try ImageStore.decode(Index.self, from: content, "an index of the archive"), name: reference,
                    depth: depth + 1)
                continue
            }
            let manifest = try ImageStore.decode(Manifest.self, from: content, "a manifest of the archive")
            var layers: [Blob] = []
            for layer in manifest.layers {
                layers.append(Blob(path: try Self.path(of: layer.digest), digest: layer.digest))
            }
            images.append(
                Entry(
                    configuration: try Self.path(of: manifest.config.digest),
                    configurationDigest: manifest.config.digest,
                    layers: layers, references: reference.map { [$0] } ?? []))
        }
    }

    /// containerd writes the whole name, the specification's annotation may be a mere tag.
    private static func reference(_ descriptor: Descriptor) -> String? {
        if let name = descriptor.annotations?["io.containerd.image.name"] { return name }
        guard let name = descriptor.annotations?["org.opencontainers.image.ref.name"],
            name.contains(":") || name.contains("/")
        else { return nil }
        return name
    }

    private static var architecture: String {
        ImageConfiguration(created: nil, config: nil, diffIDs: [], history: []).architecture
    }

    private static func path(of digest: String) throws(EngineError) -> String {
        let digits = digest.dropFirst(7)
        guard digest.hasPrefix("sha256:"), digits.count == 64, digits.allSatisfy({ $0.isHexDigit }) else {
            throw EngineError(.corruptData, "the archive names a blob by '\(digest)', which is no SHA-256 digest")
        }
        return "blobs/sha256/\(digits)"
    }

    private func isFile(_ path: String) -> Bool { unpacked.tree.file(at: path) != nil }

    /// The content of a file.
    func source(_ path: String) throws(EngineError) -> ByteSource {
        guard let node = unpacked.tree.file(at: path), case .file(let content) = node.content else {
            throw EngineError(.corruptData, "the archive has no '\(path)', which its manifest names")
        }
        guard !content.isSparse else {
            throw EngineError(
                .corruptData, "the archive's '\(path)' has holes, which no part of an image has",
                hint: "Pack the archive without looking for holes.")
        }
        return try unpacked.file.source(of: ErofsFile.ranges(of: content, number: node.number))
    }

    /// Reads a small file whole, and checks its digest if one is given.
    func read(_ path: String, digest: String?) throws(EngineError) -> Data {
        let source = try source(path)
        let chunk = BlockQueue.Buffer()
        var content = Data()
        var position: UInt64 = 0
        while true {
            let count = source.read(chunk.bytes, position: &position)
            guard count >= 0 else { throw LayerBuilder.failure("the archive's '\(path)' cannot be read") }
            if count == 0 { break }
            content.append(contentsOf: chunk.bytes[..<count])
            guard content.count <= 16 << 20 else {
                throw EngineError(.corruptData, "the archive's '\(path)' is too long")
            }
        }
        let found = StoreFiles.digest(content)
        if let digest, digest != found { throw ImageStore.wrongDigest("'\(path)'", expected: digest, found: found) }
        return content
    }
}
