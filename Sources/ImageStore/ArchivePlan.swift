// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import OCI
import TandemModel

/// What an archive of images will hold.
struct ArchivePlan {
    private enum Blob {
        case bytes([UInt8])
        case layer(LayerTar)
    }

    private struct Blobs {
        var members: [String: (blob: Blob, time: Int)] = [:]
    }

    private var blobs = Blobs()
    private var manifests: [DockerArchiveEntry] = []
    private var index = Index(manifests: [])
    private var repositories: [String: [String: String]] = [:]

    /// Adds an image with its names.
    mutating func add(
        _ selection: SavedImage, content: Data, layers: [(layer: Layer, tar: LayerTar)]
    ) throws(EngineError) {
        let image = selection.image
        let created = image.configuration.created.flatMap { Self.seconds($0) } ?? 0
        var sources: [String: Descriptor] = [:]
        for (layer, tar) in layers {
            sources[layer.diffID] = Descriptor(
                mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.diffID, size: Int(tar.size))
            blobs.members[layer.diffID] = (.layer(tar), created)
        }
        blobs.members[image.id] = (.bytes(Array(content)), created)
        let manifest = Manifest(
            schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
            config: Descriptor(
                mediaType: "application/vnd.oci.image.config.v1+json", digest: image.id, size: content.count),
            layers: layers.compactMap { sources[$0.layer.diffID] })
        let bytes = try Self.encode(manifest)
        let digest = StoreFiles.digest(Data(bytes))
        blobs.members[digest] = (.bytes(bytes), 0)
        var descriptor = Descriptor(mediaType: manifest.mediaType, digest: digest, size: bytes.count)
        descriptor.platform = Descriptor.Platform(
            architecture: image.configuration.architecture, os: image.configuration.os)
        if selection.references.isEmpty { index.manifests.append(descriptor) }
        for name in selection.references {
            let reference = try Reference(name)
            descriptor.annotations = [
                "io.containerd.image.name": reference.canonicalName,
                "org.opencontainers.image.ref.name": reference.tag ?? "",
            ]
            index.manifests.append(descriptor)
            if let last = layers.last?.layer {
                repositories[reference.familiarName, default: [:]][reference.tag ?? ""] = Self.digits(last.diffID)
            }
        }
        manifests.append(
            DockerArchiveEntry(
                config: Self.path(image.id), repoTags: selection.references.isEmpty ? nil : selection.references,
                layers: layers.map { Self.path($0.layer.diffID) }, layerSources: sources))
    }

    /// Writes everything.
    ///
    /// Blocks.
    func write(to descriptor: Int32) throws(EngineError) {
        let tar = try TarWriter(descriptor: descriptor, time: 0)
        try tar.addFolder("blobs/")
        try tar.addFolder("blobs/sha256/")
        for (digest, member) in blobs.members.sorted(by: { $0.key < $1.key }) {
            switch member.blob {
            case .bytes(let bytes): try tar.addFile(Self.path(digest), content: bytes, time: member.time)
            case .layer(let layer):
                try tar.addFile(Self.path(digest), size: layer.size, time: member.time) { write throws(EngineError) in
                    try layer.read(write)
                }
            }
        }
        try tar.addFile("index.json", content: try Self.encode(index))
        try tar.addFile("manifest.json", content: try Self.encode(manifests))
        try tar.addFile("oci-layout", content: Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        if !repositories.isEmpty { try tar.addFile("repositories", content: try Self.encode(repositories)) }
        try tar.finish()
    }

    private static func digits(_ digest: String) -> String { String(digest.dropFirst(7)) }

    private static func path(_ digest: String) -> String { "blobs/sha256/\(digits(digest))" }

    private static func seconds(_ time: String) -> Int? {
        // A date that cannot be read is as good as none.
        (try? Date(time, strategy: .iso8601)).map { Int($0.timeIntervalSince1970) }
    }

    private static func encode(_ value: some Encodable) throws(EngineError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let content = try? encoder.encode(value) else {  // texts and numbers always encode
            throw EngineError(.internal, "an archive's description cannot be written")
        }
        return Array(content)
    }
}
