// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
public import OCI
import SystemPackage
public import TandemModel

/// What makes an image out of another one: a step of a build, or a commit.
public struct ImageExtension: Sendable {
    /// What a workload gets, all of it.
    public var defaults: ImageConfiguration.Defaults
    /// The step as the history shows it.
    public var createdBy: String
    /// A remark.
    public var comment = ""
    /// Who made it.
    public var author = ""
    /// When.
    public var created: Timestamp
    /// The new image's name.
    public var reference: Reference?

    /// Describes a step.
    public init(defaults: ImageConfiguration.Defaults, createdBy: String, created: Timestamp) {
        self.defaults = defaults
        self.createdBy = createdBy
        self.created = created
    }
}

extension ImageStore {
    /// Makes an image of all layers of another one and, if a tar is given that has members, one more.
    ///
    /// `parent` of `nil` is the empty image. The tar is read from where the descriptor stands to its end.
    public func extend(
        _ parent: Image?, by step: ImageExtension, layer: Int32? = nil
    ) async throws(EngineError) -> Image {
        try await BlockingQueue.run { [self] () throws(EngineError) in
            try withStaging { builder throws(EngineError) in
                var unpacked: LayerBuilder.Unpacked?
                if let layer { unpacked = try builder.unpack(try ByteSource(descriptor: layer), as: "layer") }
                if let tree = unpacked?.tree, tree.isEmpty { unpacked = nil }
                return try add(step, on: parent, unpacked, builder)
            }
        }
    }

    private func add(
        _ step: ImageExtension, on parent: Image?, _ layer: LayerBuilder.Unpacked?, _ builder: LayerBuilder
    ) throws(EngineError) -> Image {
        var configuration =
            parent?.configuration ?? ImageConfiguration(created: nil, config: nil, diffIDs: [], history: [])
        configuration.created = step.created.rfc3339
        configuration.config = step.defaults
        configuration.author = step.author.isEmpty ? nil : step.author
        configuration.history =
            (configuration.history ?? []) + [
                .init(
                    created: step.created.rfc3339, createdBy: step.createdBy,
                    comment: step.comment.isEmpty ? nil : step.comment, emptyLayer: layer == nil ? true : nil,
                    author: step.author.isEmpty ? nil : step.author)
            ]
        var built: [String: FilePath] = [:]
        if let layer {
            configuration.rootfs.diffIDs.append(layer.diffID)
            if files.layerSize(layer.diffID) == nil { built[layer.diffID] = try builder.build(layer) }
        }
        let images = try commit([
            Candidate(
                configuration: configuration, content: try Self.encode(configuration), layers: built,
                references: step.reference.map { [$0.description] } ?? [], parent: parent?.id)
        ])
        guard let image = images.first else { throw EngineError(.internal, "the image was not made") }
        return image
    }
}
