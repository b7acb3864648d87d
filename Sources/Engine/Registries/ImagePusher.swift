// SPDX-License-Identifier: Apache-2.0

import ImageStore
import LinuxSystem
import OCI
import Registry
import Synchronization
import TandemModel

/// Sends images to registries: what a registry has already is not sent again, nor what it has elsewhere.
final class ImagePusher: Sendable {
    private let images: ImageStore
    private let settings: RegistrySettings
    private let slots = TransferSlots(3)

    init(images: ImageStore, settings: RegistrySettings) {
        self.images = images
        self.settings = settings
    }

    /// Sends an image under its name.
    func push(
        _ reference: Reference, credentials: RegistryCredentials, report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> Image {
        guard let tag = reference.tag, let id = images.references[reference.description] else {
            throw EngineError(
                .notFound, "tag does not exist: \(reference)",
                hint: "Give the image that name: tandem tag IMAGE \(reference)")
        }
        let image = try images.image(id)
        let diffIDs = image.layers.map(\.diffID)
        images.pin(diffIDs)
        let outcome: Result<Void, EngineError>
        do throws(EngineError) {
            outcome = .success(try await send(image, reference, tag, credentials, report))
        } catch {
            outcome = .failure(error)
        }
        await BlockingQueue.run { [images] in images.unpin(diffIDs) }
        try outcome.get()
        return image
    }

    private func send(
        _ image: Image, _ reference: Reference, _ tag: String, _ credentials: RegistryCredentials,
        _ report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) {
        let images = images
        let content = try await BlockingQueue.run { () throws(EngineError) in
            [UInt8](try images.configurationContent(of: image))
        }
        let (client, hasConfiguration) = try await connect(reference, credentials, configuration: image.id)
        report(TransferMessage("The push refers to repository [\(reference.registry)/\(reference.repository)]"))
        let found = try await layers(of: image, client, reference, report)
        do throws(RegistryFailure) {
            if !hasConfiguration {
                let id = image.id
                try await client.retrying { () throws(RegistryFailure) in
                    let pieces = Mutex<[UInt8]?>(content)
                    try await client.upload({ pieces.withLock { $0.take() } }, digest: { id })
                }
            }
            let manifest = PushManifest.make(
                configuration: (image.id, content.count), layers: image.layers.compactMap { found[$0.diffID] })
            try await client.put(manifest, tag: tag)
            let digest = try? reference.with(digest: manifest.digest)  // the name is one already
            let sources = found
            if let digest {
                // What cannot be noted is only found out again.
                try? await BlockingQueue.run { () throws(EngineError) in
                    try images.note(sources, digest: digest, of: image)
                }
            }
            report(TransferMessage("\(tag): digest: \(manifest.digest) size: \(manifest.content.count)"))
            var end = TransferMessage("")
            end.pushed = PushedManifest(tag: tag, digest: manifest.digest, size: manifest.content.count)
            report(end)
        } catch {
            throw error.engineError
        }
    }

    /// Finds the place that answers.
    private func connect(
        _ reference: Reference, _ credentials: RegistryCredentials, configuration: String
    ) async throws(EngineError) -> (RepositoryClient, Bool) {
        let candidates = await RepositoryClient.candidates(
            registry: reference.registry, repository: reference.repository, settings: settings,
            credentials: credentials, writes: true)
        var last = RegistryFailure(.unreachable, "there is no place to send '\(reference)' to")
        for client in candidates {
            do throws(RegistryFailure) {
                return (client, try await client.size(of: configuration) != nil)
            } catch {
                last = error
                guard [.unreachable, .broken, .insecure].contains(error.reason) else { break }
            }
        }
        throw last.engineError
    }

    // MARK: Layers

    private func layers(
        of image: Image, _ client: RepositoryClient, _ reference: Reference,
        _ report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> [String: LayerSource] {
        let results = await withTaskGroup(of: Result<(String, LayerSource), EngineError>.self) { group in
            for layer in image.stack {
                let id = String(layer.diffID.dropFirst(7).prefix(12))
                report(TransferMessage("Preparing", id: id, isLayer: true))
                group.addTask {
                    await self.slots.enter()
                    let result: Result<(String, LayerSource), EngineError>
                    do throws(EngineError) {
                        let push = LayerPush(images: self.images, client: client, reference: reference, layer: layer)
                        result = .success((layer.diffID, try await push.run(report)))
                    } catch {
                        result = .failure(error)
                    }
                    await self.slots.leave()
                    return result
                }
            }
            var results: [Result<(String, LayerSource), EngineError>] = []
            for await result in group {
                results.append(result)
                if case .failure = result { group.cancelAll() }
            }
            return results
        }
        var found: [String: LayerSource] = [:]
        for result in results {
            let (diffID, source) = try result.get()
            found[diffID] = source
        }
        return found
    }
}
