// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ImageStore
import LinuxSystem
public import OCI
public import Registry
import TandemModel

/// Which image to fetch.
public struct PullRequest: Sendable {
    /// Its name with a tag or a digest.
    public var reference: Reference
    /// For which machine; this one if none is named.
    public var platform: Descriptor.Platform?
    /// Who asks.
    public var credentials: RegistryCredentials

    /// Names an image.
    public init(_ reference: Reference, platform: Descriptor.Platform? = nil, credentials: RegistryCredentials) {
        self.reference = reference
        self.platform = platform
        self.credentials = credentials
    }
}

/// What a registry has under a name.
public struct RemoteImage: Sendable {
    /// The manifest or the index.
    public var descriptor: Descriptor
    /// The machines that there is an image for.
    public var platforms: [Descriptor.Platform]
}

/// Fetches images: several layers at once, each made into its file while it comes.
final class ImagePuller: Sendable {
    let images: ImageStore
    let settings: RegistrySettings
    private let transfers = LayerTransfers()
    /// As many as dockerd's `max-concurrent-downloads`.
    private let slots = TransferSlots(3)

    init(images: ImageStore, settings: RegistrySettings) {
        self.images = images
        self.settings = settings
    }

    /// Fetches an image, and gives it its name.
    ///
    /// - Returns: The image, and whether its name has changed.
    func pull(
        _ request: PullRequest, report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> (image: Image, isNew: Bool) {
        let reference = request.reference
        let (client, top) = try await resolve(request)
        let (manifest, _) = try await self.manifest(of: top, client, request)
        report(
            TransferMessage(
                "Pulling from \(client.repository)", id: reference.digest ?? reference.tag ?? ""))
        let content = try await configuration(manifest, client, reference)
        let layers = manifest.layers
        let configuration = try ImageStore.configuration(Data(content), layers: layers.count)
        try Self.check(configuration, request)
        let diffIDs = configuration.rootfs.diffIDs
        images.pin(diffIDs)
        let outcome: Result<(Image, Bool), EngineError>
        do throws(EngineError) {
            outcome = .success(
                try await takeIn(content, diffIDs, manifest, client, reference, digest: top.digest, report))
        } catch {
            outcome = .failure(error)
        }
        await BlockingQueue.run { [images] in images.unpin(diffIDs) }
        let (image, isNew) = try outcome.get()
        report(TransferMessage("Digest: \(top.digest)"))
        report(
            TransferMessage(
                isNew
                    ? "Status: Downloaded newer image for \(reference)" : "Status: Image is up to date for \(reference)"
            ))
        return (image, isNew)
    }

    /// The tags of a repository.
    func tags(of reference: Reference, credentials: RegistryCredentials) async throws(EngineError) -> [String] {
        let request = PullRequest(reference, credentials: credentials)
        return try await firstAnswer(request) { (client) throws(RegistryFailure) in try await client.tags() }.1
    }

    /// What a registry has under a name, without fetching it.
    func inspect(_ request: PullRequest) async throws(EngineError) -> RemoteImage {
        let (client, top) = try await resolve(request)
        let head = Descriptor(mediaType: top.mediaType, digest: top.digest, size: top.content.count)
        if head.isIndex {
            let index = try Self.decode(Index.self, top, "index")
            return RemoteImage(descriptor: head, platforms: index.manifests.compactMap(\.platform))
        }
        let (manifest, _) = try await self.manifest(of: top, client, request)
        let content = try await configuration(manifest, client, request.reference)
        let configuration = try ImageStore.configuration(Data(content), layers: manifest.layers.count)
        let platform = Descriptor.Platform(architecture: configuration.architecture, os: configuration.os)
        return RemoteImage(descriptor: head, platforms: [platform])
    }

    /// Removes blobs that nobody has gone on with for some time.
    ///
    /// - Returns: The bytes that have become free.
    func sweep(olderThan age: Duration) async -> UInt64 {
        let used = await transfers.digests
        return await BlockingQueue.run { [images] in images.removePartialBlobs(olderThan: age, except: used) }
    }

    // MARK: Manifests

    /// Asks one place after the other.
    private func firstAnswer<Value: Sendable>(
        _ request: PullRequest, _ ask: (RepositoryClient) async throws(RegistryFailure) -> Value
    ) async throws(EngineError) -> (RepositoryClient, Value) {
        let reference = request.reference
        let candidates = await RepositoryClient.candidates(
            registry: reference.registry, repository: reference.repository, settings: settings,
            credentials: request.credentials)
        var last = RegistryFailure(.unreachable, "there is no place to ask for '\(reference)'")
        for client in candidates {
            do throws(RegistryFailure) {
                return (client, try await ask(client))
            } catch {
                last = error
                // A registry that has answered is believed; a mirror need not have everything.
                guard client.isMirror || [.unreachable, .broken, .insecure].contains(error.reason) else { break }
            }
        }
        throw last.pulling(reference)
    }

    private func resolve(_ request: PullRequest) async throws(EngineError) -> (RepositoryClient, RemoteManifest) {
        let name = request.reference.digest ?? request.reference.tag ?? "latest"
        return try await firstAnswer(request) { (client) throws(RegistryFailure) in try await client.manifest(name) }
    }

    /// The manifest of one image, chosen from an index if need be.
    private func manifest(
        of top: RemoteManifest, _ client: RepositoryClient, _ request: PullRequest
    ) async throws(EngineError) -> (Manifest, RemoteManifest) {
        var present = top
        for _ in 0..<3 {
            switch present.mediaType {
            case "application/vnd.oci.image.index.v1+json",
                "application/vnd.docker.distribution.manifest.list.v2+json":
                let index = try Self.decode(Index.self, present, "index")
                let chosen = try Self.choose(index, request)
                do throws(RegistryFailure) {
                    present = try await client.manifest(chosen.digest)
                } catch {
                    throw error.pulling(request.reference)
                }
            case "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.docker.distribution.manifest.v2+json":
                let manifest = try Self.decode(Manifest.self, present, "manifest")
                for descriptor in [manifest.config] + manifest.layers { try Self.check(descriptor) }
                return (manifest, present)
            case "application/vnd.docker.distribution.manifest.v1+json":
                throw EngineError(
                    .unsupported, "the image '\(request.reference)' has a manifest of Docker's first schema",
                    hint: "Push it anew with a Docker of 2016 or later.")
            default:
                throw EngineError(
                    .corruptData,
                    "'\(request.reference)' is no image: its manifest is of the type '\(present.mediaType.prefix(100))'"
                )
            }
        }
        throw EngineError(.corruptData, "the indexes of '\(request.reference)' lie too deep in each other")
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ manifest: RemoteManifest, _ what: String
    ) throws(EngineError) -> Value {
        guard let value = try? JSONDecoder().decode(type, from: Data(manifest.content)) else {  // it says no more
            throw EngineError(
                .corruptData,
                "the \(what) '\(manifest.digest)' cannot be read: it is not what the OCI image specification describes")
        }
        return value
    }

    private static func check(_ descriptor: Descriptor) throws(EngineError) {
        let digits = descriptor.digest.utf8.dropFirst(7)
        guard descriptor.digest.hasPrefix("sha256:"), digits.count == 64,
            digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw EngineError(
                .corruptData,
                "the image names a blob by '\(descriptor.digest.prefix(80))', which is no SHA-256 digest")
        }
        guard descriptor.size >= 0 else {
            throw EngineError(.corruptData, "the blob '\(descriptor.digest)' has \(descriptor.size) bytes")
        }
    }

    private static func choose(_ index: Index, _ request: PullRequest) throws(EngineError) -> Descriptor {
        let wanted = request.platform ?? own
        let fitting = index.manifests.filter {
            $0.platform?.os == wanted.os && $0.platform?.architecture == wanted.architecture
        }
        let exact = fitting.first { wanted.variant == nil || $0.platform?.variant == wanted.variant }
        guard let chosen = exact ?? (wanted.variant == nil ? nil : fitting.first { $0.platform?.variant == nil }) else {
            let name = "\(wanted.os)/\(wanted.architecture)" + (wanted.variant.map { "/\($0)" } ?? "")
            throw EngineError(
                .notFound, "no matching manifest for \(name) in the manifest list entries",
                hint: "Name another one with --platform.")
        }
        try check(chosen)
        return chosen
    }

    private static var own: Descriptor.Platform {
        let configuration = ImageConfiguration(created: nil, config: nil, diffIDs: [], history: [])
        return .init(architecture: configuration.architecture, os: configuration.os)
    }

    /// An image without an index may be for another machine than was asked for.
    private static func check(_ configuration: ImageConfiguration, _ request: PullRequest) throws(EngineError) {
        let wanted = request.platform ?? own
        guard configuration.os == wanted.os, configuration.architecture == wanted.architecture else {
            throw EngineError(
                .notFound,
                "image with reference \(request.reference) was found but does not match the specified platform: wanted \(wanted.os)/\(wanted.architecture), actual: \(configuration.os)/\(configuration.architecture)",
                hint: "Name its platform with --platform, or bring in an image for \(wanted.os)/\(wanted.architecture)."
            )
        }
    }

    private func configuration(
        _ manifest: Manifest, _ client: RepositoryClient, _ reference: Reference
    ) async throws(EngineError) -> [UInt8] {
        if let present = try? images.image(manifest.config.digest),  // most often it is not there
            let content = try? await BlockingQueue.run({ [images] () throws(EngineError) in
                try images.configurationContent(of: present)
            })
        {
            return [UInt8](content)
        }
        guard manifest.config.size <= 16 << 20 else {
            throw EngineError(.corruptData, "the configuration of '\(reference)' is too long")
        }
        do throws(RegistryFailure) {
            return try await client.blob(manifest.config.digest, size: manifest.config.size)
        } catch {
            throw error.engineError
        }
    }

    // MARK: Layers

    private func takeIn(
        _ content: [UInt8], _ diffIDs: [String], _ manifest: Manifest, _ client: RepositoryClient,
        _ reference: Reference, digest: String, _ report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> (Image, Bool) {
        var joined: [String] = []
        let isPresent = (try? images.image(manifest.config.digest)) != nil
        var sources: [String: LayerSource] = [:]
        let repository = "\(reference.registry)/\(reference.repository)"
        var wanted: [LayerFetch] = []
        for (descriptor, diffID) in zip(manifest.layers, diffIDs) {
            let source = LayerSource(
                digest: descriptor.digest, size: UInt64(descriptor.size), mediaType: descriptor.mediaType ?? "",
                repositories: [repository])
            let fetch = LayerFetch(
                images: images, client: client, slots: slots, digest: descriptor.digest,
                size: UInt64(descriptor.size), diffID: diffID)
            if images.hasLayer(diffID) || wanted.contains(where: { $0.diffID == diffID }) {
                if !isPresent { report(TransferMessage("Already exists", id: fetch.id, isLayer: true)) }
                // Only what has been read is known to be that layer: a push would rely on it.
                if images.sources(of: diffID).contains(where: { $0.digest == source.digest }) {
                    sources[diffID] = source
                }
                continue
            }
            sources[diffID] = source
            wanted.append(fetch)
        }
        let old = images.references[reference.description]
        let outcome: Result<Image, EngineError>
        do throws(EngineError) {
            var layers: [StagedLayer] = []
            if !wanted.isEmpty {
                joined = wanted.map(\.digest)
                layers = try await fetch(wanted, report)
            }
            let fetched = FetchedImage(
                configuration: Data(content), layers: layers, tag: reference.digest == nil ? reference : nil,
                digest: try reference.with(digest: digest), sources: sources)
            outcome = .success(
                try await BlockingQueue.run { [images] () throws(EngineError) in try images.commit(fetched) })
        } catch {
            outcome = .failure(error)
        }
        let isTakenIn = if case .success = outcome { true } else { false }
        for digest in joined {
            await transfers.leave(digest) { [images] layer in
                await BlockingQueue.run {
                    images.discard(layer)
                    if isTakenIn { images.removePartialBlob(digest) }
                }
            }
        }
        let image = try outcome.get()
        return (image, reference.digest == nil ? old != image.id : !isPresent)
    }

    /// Joins the transfers of all layers, and waits for them.
    private func fetch(
        _ wanted: [LayerFetch], _ report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> [StagedLayer] {
        var running: [(LayerTransfers.Transfer, Task<Result<StagedLayer, EngineError>, Never>)] = []
        for fetch in wanted { running.append(await transfers.join(fetch.digest) { await fetch.run($0) }) }
        let results = await withTaskGroup(of: Result<StagedLayer, EngineError>.self) { group in
            for ((transfer, task), fetch) in zip(running, wanted) {
                group.addTask {
                    for await message in transfer.watch() { report(message) }
                    // Ends with the task that waits here, though the transfer may go on for others.
                    if Task.isCancelled {
                        return .failure(RegistryFailure(.cancelled, "context canceled").engineError)
                    }
                    let result = await task.value
                    if case .success(let layer) = result {
                        // One blob cannot be two layers, whatever the image says.
                        guard layer.diffID == fetch.diffID else {
                            await BlockingQueue.run { fetch.images.removePartialBlob(fetch.digest) }
                            return .failure(fetch.wrongContent(layer.diffID))
                        }
                        report(TransferMessage("Pull complete", id: fetch.id, isLayer: true))
                    }
                    return result
                }
            }
            var results: [Result<StagedLayer, EngineError>] = []
            for await result in group {
                results.append(result)
                if case .failure = result { group.cancelAll() }
            }
            return results
        }
        var layers: [StagedLayer] = []
        // The first failure is the cause of the others.
        for result in results { layers.append(try result.get()) }
        return layers
    }
}
