// SPDX-License-Identifier: Apache-2.0

import ImageStore
import LinuxSystem
import OCI
import Registry
import TandemModel

/// Sees to it that a registry has a layer.
struct LayerPush: Sendable {
    let images: ImageStore
    let client: RepositoryClient
    let reference: Reference
    let layer: Layer

    private var id: String { String(layer.diffID.dropFirst(7).prefix(12)) }
    private var repository: String { "\(reference.registry)/\(reference.repository)" }

    /// - Returns: The blob that the registry has now.
    func run(_ report: @escaping @Sendable (TransferMessage) -> Void) async throws(EngineError) -> LayerSource {
        do throws(RegistryFailure) {
            if let known = try await present() {
                report(TransferMessage("Layer already exists", id: id, isLayer: true))
                return known
            }
            if let (known, source) = try await mounted() {
                report(TransferMessage("Mounted from \(source)", id: id, isLayer: true))
                return known
            }
        } catch {
            throw error.engineError
        }
        let sent = try await upload(report)
        report(TransferMessage("Pushed", id: id, isLayer: true))
        return sent
    }

    private func here(_ source: LayerSource) -> LayerSource {
        LayerSource(
            digest: source.digest, size: source.size, mediaType: source.mediaType, repositories: [repository])
    }

    /// The layer as the repository has it, if it does.
    private func present() async throws(RegistryFailure) -> LayerSource? {
        for source in images.sources(of: layer.diffID) {
            if let size = try await client.size(of: source.digest), size == source.size { return here(source) }
        }
        return nil
    }

    /// Takes the layer over from another repository of the same registry.
    private func mounted() async throws(RegistryFailure) -> (LayerSource, String)? {
        let prefix = reference.registry + "/"
        for source in images.sources(of: layer.diffID) {
            for other in source.repositories where other.hasPrefix(prefix) && other != repository {
                let name = String(other.dropFirst(prefix.count))
                do throws(RegistryFailure) {
                    if try await client.mount(source.digest, from: name) { return (here(source), name) }
                } catch {
                    // Who may not read there can still send it.
                    guard case .refused = error.reason else { throw error }
                }
            }
        }
        return nil
    }

    /// Tells how far it has got, until it is cancelled.
    private func watch(_ compressed: CompressedLayer, _ report: @Sendable (TransferMessage) -> Void) async {
        while !Task.isCancelled {
            report(
                TransferMessage(
                    "Pushing", id: id, current: compressed.taken, total: compressed.plainSize, isLayer: true))
            // Cancelled when there is nothing more to tell.
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    private func upload(_ report: @escaping @Sendable (TransferMessage) -> Void) async throws(EngineError)
        -> LayerSource
    {
        var failures = 0
        while true {
            let (images, layer) = (images, layer)
            let compressed = try await BlockingQueue.run { () throws(EngineError) in try images.compressed(layer) }
            let progress = Task { await watch(compressed, report) }
            defer { progress.cancel() }
            do throws(RegistryFailure) {
                try await client.upload(
                    {
                        if Task.isCancelled { throw CancellationError() }
                        return try await compressed.next()
                    }, digest: { compressed.identity.digest })
                let (digest, size) = compressed.identity
                return LayerSource(
                    digest: digest, size: size, mediaType: PushManifest.gzipLayer, repositories: [repository])
            } catch {
                failures += 1
                guard error.isTransient, failures < client.settings.attempts else { throw error.engineError }
                let pause = error.pause ?? client.settings.delay(after: failures)
                report(
                    TransferMessage("Retrying in \(max(1, pause.components.seconds)) seconds", id: id, isLayer: true))
                do throws(RegistryFailure) {
                    try await RepositoryClient.sleep(pause)
                } catch {
                    throw error.engineError
                }
            }
        }
    }
}
