// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import OCI
import SystemPackage
public import TandemModel

extension ImageStore {
    /// Takes in an archive: the tar of a root file system becomes an image of one layer, called `reference`; an archive of
    /// `docker save` and an OCI layout bring their own configurations, layers and names.
    ///
    /// The archive is read once, from where the descriptor stands to its end. Nothing is left of one that fails.
    ///
    /// - Returns: The images, usually one.
    /// - Throws: `.corruptData` for what cannot be read, is cut short, has a wrong digest or reaches outside of the image.
    public func importArchive(
        _ descriptor: Int32, reference: String?, message: String = "", changes: [String] = []
    ) async throws(EngineError) -> [Image] {
        let parsed = try reference.map { (text) throws(EngineError) in try Reference(text) }
        var defaults = ImageConfiguration.Defaults()
        for change in changes { try defaults.apply(change: change) }
        let settled = defaults
        return try await BlockingQueue.run { [self] () throws(EngineError) in
            try withStaging { builder throws(EngineError) in
                let unpacked = try builder.unpack(try ByteSource(descriptor: descriptor), as: "archive")
                if let archive = try ImageArchive(unpacked) {
                    return try load(archive, renamed: parsed, builder: builder)
                }
                return try commit([
                    candidate(
                        rootFileSystem: unpacked, reference: parsed, message: message, defaults: settled,
                        builder: builder)
                ])
            }
        }
    }

    /// Takes in only what names itself: an archive of `docker save` or an OCI layout.
    public func loadArchive(_ descriptor: Int32) async throws(EngineError) -> [Image] {
        try await BlockingQueue.run { [self] () throws(EngineError) in
            try withStaging { builder throws(EngineError) in
                let unpacked = try builder.unpack(
                    try ByteSource(descriptor: descriptor), as: "archive", isRecorded: false)
                guard let archive = try ImageArchive(unpacked) else {
                    throw EngineError(
                        .corruptData, "the archive has neither 'manifest.json' nor 'index.json': it holds no image",
                        hint: "For the tar of a root file system use `tandem image import`.")
                }
                return try load(archive, renamed: nil, builder: builder)
            }
        }
    }

    func withStaging<Value>(_ body: (LayerBuilder) throws(EngineError) -> Value) throws(EngineError) -> Value {
        let folder = files.staging.appending("\(UInt64.random(in: 0...UInt64.max))")
        try Folders.make(folder, mode: 0o700)
        do throws(EngineError) {
            let value = try body(LayerBuilder(folder: folder))
            // The images are there: a folder that cannot be removed is only room lost until the next start.
            try? removeStaging(folder)
            return value
        } catch {
            var reported = error
            if error.code == .corruptData, error.hint == nil {
                reported = EngineError(
                    error.code, error.message, hint: "Nothing of the archive was taken. Make or fetch it anew.",
                    cause: error.cause)
            }
            do throws(EngineError) {
                try removeStaging(folder)
            } catch {
                reported.cleanupFailures.append(.init(step: "remove the staging folder", message: error.message))
            }
            throw reported
        }
    }

    func removeStaging(_ folder: FilePath) throws(EngineError) {
        do throws(EngineError) {
            try Folders.remove(folder)
        } catch {
            // Again, for a fault that has passed.
            try Folders.remove(folder)
        }
    }

    private func candidate(
        rootFileSystem layer: LayerBuilder.Unpacked, reference: Reference?, message: String,
        defaults: ImageConfiguration.Defaults, builder: LayerBuilder
    ) throws(EngineError) -> Candidate {
        let now = HostTime.now.rfc3339
        let configuration = ImageConfiguration(
            created: now, config: defaults, diffIDs: [layer.diffID],
            history: [
                .init(
                    created: now, createdBy: "tandem image import",
                    comment: message.isEmpty ? "Imported from a tar" : message)
            ])
        let built = files.layerSize(layer.diffID) == nil ? [layer.diffID: try builder.build(layer)] : [:]
        return Candidate(
            configuration: configuration, content: try Self.encode(configuration), layers: built,
            references: reference.map { [$0.description] } ?? [])
    }

    private func load(
        _ archive: ImageArchive, renamed: Reference?, builder: LayerBuilder
    ) throws(EngineError) -> [Image] {
        guard renamed == nil || archive.images.count == 1 else {
            throw EngineError(
                .invalidArgument,
                "the archive holds \(archive.images.count) images, which cannot all be called '\(renamed?.description ?? "")'",
                hint: "Leave the name out: the images bring their own.")
        }
        var candidates: [Candidate] = []
        var built: [String: FilePath] = [:]
        for (number, entry) in archive.images.enumerated() {
            let content = try archive.read(entry.configuration, digest: entry.configurationDigest)
            let configuration = try Self.decode(ImageConfiguration.self, from: content, "the image's configuration")
            guard configuration.rootfs.diffIDs.count == entry.layers.count else {
                throw EngineError(
                    .corruptData,
                    "the archive's manifest has \(entry.layers.count) layers, its configuration \(configuration.rootfs.diffIDs.count)"
                )
            }
            try Self.checkDepth(entry.layers.count)
            try checkPlatform(configuration)
            for (index, (layer, diffID)) in zip(entry.layers, configuration.rootfs.diffIDs).enumerated()
            where files.layerSize(diffID) == nil && built[diffID] == nil {
                built[diffID] = try build(
                    layer, diffID: diffID, name: "\(number)-\(index)", archive: archive, builder: builder)
            }
            let names = if let renamed { [renamed.description] } else { try Self.names(entry.references) }
            candidates.append(
                Candidate(configuration: configuration, content: content, layers: built, references: names))
        }
        return try commit(candidates)
    }

    private static func names(_ references: [String]) throws(EngineError) -> [String] {
        var names: [String] = []
        for reference in references { names.append(try Reference(reference).description) }
        return names
    }

    private func build(
        _ layer: ImageArchive.Blob, diffID: String, name: String, archive: ImageArchive, builder: LayerBuilder
    ) throws(EngineError) -> FilePath {
        let unpacked = try builder.unpack(
            try archive.source(layer.path), as: "layer-\(name)", digestsFile: layer.digest != nil)
        if let expected = layer.digest, expected != unpacked.digest {
            throw Self.wrongDigest("the layer '\(layer.path)'", expected: expected, found: unpacked.digest)
        }
        guard unpacked.diffID == diffID else {
            throw Self.wrongDigest("the content of the layer '\(layer.path)'", expected: diffID, found: unpacked.diffID)
        }
        return try builder.build(unpacked)
    }

    private func checkPlatform(_ configuration: ImageConfiguration) throws(EngineError) {
        let own = ImageConfiguration(created: nil, config: nil, diffIDs: [], history: [])
        guard configuration.os == own.os, configuration.architecture == own.architecture else {
            throw EngineError(
                .unsupported,
                "the image is for \(configuration.os)/\(configuration.architecture), this machine is \(own.os)/\(own.architecture)",
                hint: "Bring in an image that was built for \(own.os)/\(own.architecture)."
            )
        }
    }

    static func wrongDigest(_ what: String, expected: String, found: String) -> EngineError {
        EngineError(
            .corruptData, "\(what) has the digest \(found) instead of \(expected)",
            hint: "The archive was damaged on its way; fetch it again.")
    }

    static func encode(_ configuration: ImageConfiguration) throws(EngineError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let content = try? encoder.encode(configuration) else {  // strings always encode
            throw EngineError(.internal, "the image's configuration cannot be written")
        }
        return content
    }
}
