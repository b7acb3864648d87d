// SPDX-License-Identifier: Apache-2.0

// stat(2) is known by this module's headers first.
import CLibarchive
import CLinux
public import FoundationEssentials
import Glibc
import LinuxSystem
public import OCI
import SystemPackage
public import TandemModel

/// A layer that is complete, and in no image yet.
public struct StagedLayer: Sendable {
    /// `sha256:…` of its tar.
    public let diffID: String
    fileprivate let folder: FilePath
    fileprivate let file: FilePath
}

/// A layer as a registry has it.
public struct LayerSource: Sendable, Hashable, Codable {
    /// `sha256:…` of the blob.
    public var digest: String
    /// Its length in bytes.
    public var size: UInt64
    /// What the blob is, among others how it is compressed.
    public var mediaType: String
    /// `registry/repository` where it is known to lie.
    public var repositories: [String]

    /// Says where a layer lies.
    public init(digest: String, size: UInt64, mediaType: String, repositories: [String]) {
        self.digest = digest
        self.size = size
        self.mediaType = mediaType
        self.repositories = repositories
    }
}

/// An image that has been fetched.
public struct FetchedImage: Sendable {
    /// The configuration, byte for byte.
    public var configuration: Data
    /// Those of its layers that the store lacked.
    public var layers: [StagedLayer]
    /// The tag to give it; `nil` for an image that was asked for by digest.
    public var tag: Reference?
    /// The name with the digest of what was fetched.
    public var digest: Reference
    /// Where its layers lie, by diff id.
    public var sources: [String: LayerSource]

    /// Puts an image together.
    public init(
        configuration: Data, layers: [StagedLayer], tag: Reference?, digest: Reference,
        sources: [String: LayerSource]
    ) {
        self.configuration = configuration
        self.layers = layers
        self.tag = tag
        self.digest = digest
        self.sources = sources
    }
}

/// What comes from registries: layer by layer, each from a blob that is still on its way.
extension ImageStore {
    /// Reads a configuration that was fetched.
    ///
    /// - Throws: `.corruptData` if it is none, or has other layers than its manifest.
    public static func configuration(_ content: Data, layers count: Int) throws(EngineError) -> ImageConfiguration {
        let configuration = try decode(ImageConfiguration.self, from: content, "the image's configuration")
        let diffIDs = configuration.rootfs.diffIDs
        guard diffIDs.count == count else {
            throw EngineError(
                .corruptData, "the image's manifest has \(count) layers, its configuration \(diffIDs.count)",
                hint: "The image is damaged: push it anew.")
        }
        try checkDepth(count)
        for diffID in diffIDs { _ = try digits(of: diffID) }
        return configuration
    }

    /// Refuses an image that no overlay can have.
    static func checkDepth(_ layers: Int) throws(EngineError) {
        let most = 500
        guard layers <= most else {
            throw EngineError(
                .unsupported, "max depth exceeded: the image has \(layers) layers, and overlayfs stacks \(most)",
                hint: "Build it with fewer steps, or from a tar of its whole root.")
        }
    }

    /// The digits of a digest, which become the name of a file.
    static func digits(of digest: String) throws(EngineError) -> String {
        let digits = digest.dropFirst(7)
        guard digest.hasPrefix("sha256:"), digits.utf8.count == 64,
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw EngineError(
                .corruptData, "the image names a blob by '\(digest.prefix(80))', which is no SHA-256 digest")
        }
        return String(digits)
    }

    /// Keeps layers from being removed as long as somebody relies on them; every call needs its `unpin`.
    public func pin(_ diffIDs: [String]) { changePins { for diffID in diffIDs { $0[diffID, default: 0] += 1 } } }

    /// Ends a `pin`, and removes what nobody needs.
    public func unpin(_ diffIDs: [String]) {
        changePins { for diffID in diffIDs { $0[diffID] = ($0[diffID] ?? 1) > 1 ? ($0[diffID] ?? 1) - 1 : nil } }
        removeUnused()
    }

    /// Whether a layer is there.
    public func hasLayer(_ diffID: String) -> Bool { files.layerSize(diffID) != nil }

    /// A blob that comes in, from where an earlier pull has left it.
    ///
    /// Blocks.
    public func partialBlob(_ digest: String, size: UInt64) throws(EngineError) -> PartialBlob {
        try PartialBlob(files.downloads.appending(try Self.digits(of: digest)), digest: digest, size: size)
    }

    /// Removes a blob that has been taken in.
    ///
    /// Blocks.
    public func removePartialBlob(_ digest: String) {
        guard let name = try? Self.digits(of: digest) else { return }  // then there is no such file
        _ = files.downloads.appending(name).withPlatformString { unlink($0) }
    }

    /// Removes blobs that no pull has gone on with for some time.
    ///
    /// Blocks.
    public func removePartialBlobs(olderThan age: Duration, except used: Set<String> = []) -> UInt64 {
        var freed: UInt64 = 0
        let now = time(nil)
        for name in Folders.names(in: files.downloads) where !used.contains("sha256:" + name) {
            let path = files.downloads.appending(name)
            var status = stat()
            guard path.withPlatformString({ stat($0, &status) }) == 0,
                Int64(now) - Int64(tandem_modified_seconds(status)) >= age.components.seconds
            else { continue }
            if path.withPlatformString({ unlink($0) }) == 0 { freed += UInt64(status.st_blocks) * 512 }
        }
        return freed
    }

    /// Makes a layer of a blob while it comes, and checks the digests of both forms.
    ///
    /// Blocks until the blob's end.
    ///
    /// - Throws: `.corruptData` for what is no layer or another one; nothing is left of it then.
    public func stage(_ blob: PartialBlob, diffID: String) throws(EngineError) -> StagedLayer {
        let folder = files.staging.appending("\(UInt64.random(in: 0...UInt64.max))")
        try Folders.make(folder, mode: 0o700)
        do throws(EngineError) {
            let builder = LayerBuilder(folder: folder)
            let unpacked = try builder.unpack(ByteSource(blob), as: "layer", digestsFile: true)
            guard unpacked.digest == blob.digest else {
                throw Self.wrongDigest("the blob", expected: blob.digest, found: unpacked.digest)
            }
            guard unpacked.diffID == diffID else {
                throw Self.wrongDigest(
                    "the content of the layer '\(blob.digest)'", expected: diffID, found: unpacked.diffID)
            }
            return StagedLayer(diffID: diffID, folder: folder, file: try builder.build(unpacked))
        } catch {
            var reported = error
            do throws(EngineError) {
                try removeStaging(folder)
            } catch {
                reported.cleanupFailures.append(.init(step: "remove the staging folder", message: error.message))
            }
            throw reported
        }
    }

    /// Removes what is left of a layer, whether an image has taken its file or not.
    ///
    /// Blocks.
    public func discard(_ layer: StagedLayer) {
        // What stays is only room lost until the next start.
        try? removeStaging(layer.folder)
    }

    /// Puts a fetched image into the index, under its names.
    ///
    /// Blocks.
    public func commit(_ fetched: FetchedImage) throws(EngineError) -> Image {
        let configuration = try Self.decode(
            ImageConfiguration.self, from: fetched.configuration, "the image's configuration")
        let candidate = Candidate(
            configuration: configuration, content: fetched.configuration,
            layers: Dictionary(fetched.layers.map { ($0.diffID, $0.file) }, uniquingKeysWith: { first, _ in first }),
            references: fetched.tag.map { [$0.description] } ?? [],
            digests: [fetched.digest.description], sources: fetched.sources)
        let images = try commit([candidate])
        guard let image = images.first else { throw EngineError(.internal, "the image was not taken in") }
        return image
    }

    /// Where the layer is known to lie.
    public func sources(of diffID: String) -> [LayerSource] { index { $0.sources[diffID] ?? [] } }

    /// Notes that a layer lies somewhere else too, and an image under a digest.
    ///
    /// Blocks.
    public func note(_ sources: [String: LayerSource], digest: Reference, of image: Image) throws(EngineError) {
        try change { state throws(EngineError) in
            guard state.images[image.id] != nil else { return }
            state.digests[digest.description] = image.id
            for (diffID, source) in sources { state.add(source, of: diffID) }
        }
    }
}
