// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import OCI
public import TandemModel

extension ImageStore {
    /// Takes a step over from an image that has it at the same place of its history, on the same layers (moby's
    /// image/cache).
    ///
    /// - Returns: The image that ends with the step; `nil` if the source has another one there.
    public func takeOver(
        _ step: ImageExtension, on parent: Image?, from source: Image
    ) async throws(EngineError) -> Image? {
        let own = parent?.configuration.history ?? []
        let history = source.configuration.history ?? []
        guard history.count > own.count, history[own.count].createdBy == step.createdBy,
            zip(own, history).allSatisfy({ $0.createdBy == $1.createdBy && $0.emptyLayer == $1.emptyLayer }),
            source.configuration.rootfs.diffIDs.starts(with: parent?.configuration.rootfs.diffIDs ?? [])
        else { return nil }
        if history.count == own.count + 1 {
            guard source.configuration.config == step.defaults else { return nil }
            return source
        }
        var configuration = source.configuration
        configuration.history = Array(history.prefix(own.count + 1))
        configuration.config = step.defaults
        configuration.created = history[own.count].created
        configuration.author = step.author.isEmpty ? nil : step.author
        let layers = configuration.history?.count { $0.emptyLayer != true } ?? 0
        guard layers <= configuration.rootfs.diffIDs.count else { return nil }
        configuration.rootfs.diffIDs = Array(configuration.rootfs.diffIDs.prefix(layers))
        let settled = configuration
        return try await BlockingQueue.run { [self] () throws(EngineError) in
            try commit([
                Candidate(
                    configuration: settled, content: try Self.encode(settled), layers: [:], references: [],
                    parent: parent?.id)
            ]).first
        }
    }
}
