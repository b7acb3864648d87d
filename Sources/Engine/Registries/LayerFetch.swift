// SPDX-License-Identifier: Apache-2.0

import ImageStore
import LinuxSystem
import OCI
import Registry
import TandemModel

/// Fetches one layer and makes its file while it comes.
struct LayerFetch: Sendable {
    let images: ImageStore
    let client: RepositoryClient
    let slots: TransferSlots
    let digest: String
    let size: UInt64
    let diffID: String

    /// As clients name the layer.
    var id: String { String(digest.dropFirst(7).prefix(12)) }

    func run(_ transfer: LayerTransfers.Transfer) async -> Result<StagedLayer, EngineError> {
        transfer.report(message("Pulling fs layer"))
        if await slots.isFull { transfer.report(message("Waiting")) }
        await slots.enter()
        let result = await attempts(transfer)
        await slots.leave()
        return result
    }

    /// What is wrong with an image that takes the blob for another layer.
    func wrongContent(_ found: String) -> EngineError {
        EngineError(
            .corruptData, "the content of the layer '\(digest)' has the digest \(found) instead of \(diffID)",
            hint: "The image's manifest and its configuration do not fit: push the image anew.")
    }

    private func message(_ status: String, _ current: UInt64? = nil) -> TransferMessage {
        TransferMessage(status, id: id, current: current, total: current == nil ? nil : size, isLayer: true)
    }

    /// A blob that was damaged on its way is fetched anew, a few times.
    private func attempts(_ transfer: LayerTransfers.Transfer) async -> Result<StagedLayer, EngineError> {
        var damaged = 0
        while true {
            if Task.isCancelled { return .failure(RegistryFailure(.cancelled, "context canceled").engineError) }
            do throws(EngineError) {
                let (images, digest, size) = (images, digest, size)
                let blob = try await BlockingQueue.run { () throws(EngineError) in
                    try images.partialBlob(digest, size: size)
                }
                if let layer = try await layer(of: blob, transfer) { return .success(layer) }
                blob.remove()
                damaged += 1
                guard damaged < 3 else {
                    throw EngineError(
                        .corruptData, "filesystem layer verification failed for digest \(digest)",
                        hint: "It is damaged on its way, or in the registry; try again, or push the image anew.")
                }
            } catch {
                return .failure(error)
            }
        }
    }

    private enum Part: Sendable {
        case download(EngineError?)
        case staging(Result<StagedLayer, EngineError>)
    }

    /// - Returns: `nil` if what came is not the blob.
    private func layer(
        of blob: PartialBlob, _ transfer: LayerTransfers.Transfer
    ) async throws(EngineError) -> StagedLayer? {
        let (images, diffID) = (images, diffID)
        let (download, staging) = await withTaskGroup(of: Part.self) { group in
            group.addTask {
                .staging(
                    await BlockingQueue.run { () -> Result<StagedLayer, EngineError> in
                        do throws(EngineError) {
                            return .success(try images.stage(blob, diffID: diffID))
                        } catch {
                            return .failure(error)
                        }
                    })
            }
            group.addTask {
                let problem = await self.download(blob, transfer)
                if problem != nil { blob.giveUp() }
                return .download(problem)
            }
            var download: EngineError?
            var staging: Result<StagedLayer, EngineError>?
            for await part in group {
                switch part {
                case .download(let problem): download = problem
                case .staging(let result):
                    staging = result
                    // Without room for the layer there is no use for the rest of it.
                    if case .failure(let error) = result, error.code != .corruptData { group.cancelAll() }
                }
            }
            return (download, staging)
        }
        guard case .failure(let problem) = staging else {
            guard case .success(let layer) = staging else { return nil }
            return layer
        }
        if problem.code != .corruptData {
            // What no store can take is no use to the next pull; for want of room the blob is kept.
            if problem.code == .unsupported { blob.remove() }
            throw problem
        }
        if let download {
            // What is no part of the blob is no use to the next pull either.
            if download.code == .corruptData { blob.remove() }
            throw download
        }
        guard await BlockingQueue.run({ blob.isIntact() }) else { return nil }
        blob.remove()
        throw problem
    }

    private func download(_ blob: PartialBlob, _ transfer: LayerTransfers.Transfer) async -> EngineError? {
        var failures = 0
        while blob.length < blob.size {
            let before = blob.length
            var full: EngineError?
            do throws(RegistryFailure) {
                try await client.blob(digest, size: size, from: before) { (bytes) throws(RegistryFailure) in
                    if Task.isCancelled { throw RegistryFailure(.cancelled, "context canceled") }
                    do throws(EngineError) {
                        try await BlockingQueue.run { () throws(EngineError) in try blob.append(bytes) }
                    } catch {
                        full = error
                        throw RegistryFailure(.cancelled, error.message)
                    }
                    transfer.report(message("Downloading", blob.length))
                }
            } catch {
                if let full { return full }
                // A connection that brings a little before it breaks is better than none, but not for ever.
                if blob.length >= before + 65_536 { failures = 0 }
                failures += 1
                guard error.isTransient, failures < client.settings.attempts else { return error.engineError }
                let pause = error.pause ?? client.settings.delay(after: failures)
                transfer.report(message("Retrying in \(max(1, pause.components.seconds)) seconds"))
                do throws(RegistryFailure) {
                    try await RepositoryClient.sleep(pause)
                } catch {
                    return error.engineError
                }
            }
        }
        transfer.report(message("Verifying Checksum"))
        transfer.report(message("Download complete"))
        transfer.report(message("Extracting", size))
        return nil
    }
}
