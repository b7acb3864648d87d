// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import OCI
import SystemPackage
public import TandemModel

/// A workload that was made from an image.
public struct ImageUser: Sendable, Hashable {
    /// Its short id.
    public var name: String
    /// Whether it runs, or is paused.
    public var isRunning: Bool

    /// Names a workload.
    public init(name: String, isRunning: Bool) {
        self.name = name
        self.isRunning = isRunning
    }
}

/// Who uses which image, by its id.
public typealias ImageUsers = [String: [ImageUser]]

/// Removing, by the rules of dockerd (daemon/images/image_delete.go).
extension ImageStore {
    /// What a removal did.
    public enum Removal: Sendable, Hashable {
        /// A name is gone.
        case untagged(String)
        /// An image, or a layer by its chain id, is gone.
        case deleted(String)
    }

    /// Removes a name, and the image with its last name; by id, the image with all its names.
    ///
    /// `force` removes an image of several names, and one from which workloads that do not run were made: these keep its
    /// layers.
    ///
    /// With an image go those that it was built from, as far as nothing else needs them, unless `prunes` is false.
    ///
    /// - Throws: `.conflict` in Docker's words.
    public func remove(
        _ name: String, force: Bool, users: ImageUsers, prunes: Bool = true
    ) throws(EngineError) -> [Removal] {
        let image = try image(name)
        var removals = try removeOne(name, image, force: force, users: users)
        guard prunes, removals.contains(.deleted(image.id)) else { return removals }
        var next = image.parent
        while let id = next, let parent = state(of: id), parent.references.isEmpty, parent.digests.isEmpty,
            users[id] == nil,
            !hasChildren(id)
        {
            removals += try take([], of: parent, deletes: true, isUsed: false)
            next = parent.parent
        }
        return removals
    }

    private func state(of id: String) -> Image? { images.first { $0.id == id } }

    private func hasChildren(_ id: String) -> Bool { images.contains { $0.parent == id } }

    private func removeOne(
        _ name: String, _ image: Image, force: Bool, users: ImageUsers
    ) throws(EngineError) -> [Removal] {
        let own = users[image.id] ?? []
        let all = image.references + image.digests
        // An id need not be a reference.
        let named = try? Reference(name)
        let reference = [named?.canonical, named?.description].compactMap { $0 }.first { all.contains($0) }
        guard let reference else {
            try checkDeletion(of: image, force: force, users: own)
            return try take(all, of: image, deletes: true, isUsed: !own.isEmpty)
        }
        if !force, Self.isSingle(image), let user = own.first {
            throw EngineError(
                .conflict,
                "conflict: unable to remove repository reference \"\(name)\" (must force) - container \(user.name) is using its referenced image \(image.shortID)",
                hint: "Remove the container first: tandem rm \(user.name)")
        }
        var gone = [reference]
        if image.references.contains(reference) {
            // With a repository's last tag its digests go too.
            let repository = Self.repository(of: reference)
            let stays = image.references.contains { $0 != reference && Self.repository(of: $0) == repository }
            if !stays { gone += image.digests.filter { Self.repository(of: $0) == repository } }
        }
        // What runs keeps its image, without a name.
        let deletes = gone.count == all.count && !own.contains(where: \.isRunning) && !hasChildren(image.id)
        return try take(gone, of: image, deletes: deletes, isUsed: !own.isEmpty)
    }

    private static func repository(of reference: String) -> String {
        // Names in the store are references.
        (try? Reference(reference).familiarName) ?? reference
    }

    /// Whether an image has one name at most, beside digests in the same repository.
    private static func isSingle(_ image: Image) -> Bool {
        image.references.count <= 1 && Set((image.references + image.digests).map { repository(of: $0) }).count <= 1
    }

    private func checkDeletion(of image: Image, force: Bool, users: [ImageUser]) throws(EngineError) {
        func conflict(_ forced: String, _ reason: String, _ hint: String) -> EngineError {
            EngineError(.conflict, "conflict: unable to delete \(image.shortID) (\(forced)) - \(reason)", hint: hint)
        }
        if let user = users.first(where: \.isRunning) {
            throw conflict(
                "cannot be forced", "image is being used by running container \(user.name)",
                "Stop and remove the container first: tandem rm -f \(user.name)")
        }
        if hasChildren(image.id) {
            throw conflict(
                "cannot be forced", "image has dependent child images",
                "Remove those that were built from it first: `tandem images -a` lists them.")
        }
        guard !force else { return }
        if !Self.isSingle(image) {
            throw conflict(
                "must be forced", "image is referenced in multiple repositories",
                "Remove it by its names, or add --force.")
        }
        if let user = users.first {
            throw conflict(
                "must be forced", "image is being used by stopped container \(user.name)",
                "Remove the container first: tandem rm \(user.name)")
        }
    }

    /// Takes names away, and then the image if nothing else names it; one that is used keeps its files.
    private func take(
        _ names: [String], of image: Image, deletes: Bool, isUsed: Bool
    ) throws(EngineError) -> [Removal] {
        let removals = try change { state throws(EngineError) -> [Removal] in
            for name in names {
                state.references[name] = nil
                state.digests[name] = nil
            }
            let untagged = names.map { Removal.untagged($0) }
            // Somebody may have named it meanwhile.
            guard deletes, !state.references.values.contains(image.id), !state.digests.values.contains(image.id),
                !state.images.values.contains(where: { $0.parent == image.id })
            else { return untagged }
            state.images[image.id] = nil
            if isUsed { state.retained[image.id] = image }
            let others = state.all
            let kept = Set(others.flatMap { Self.chainIDs(of: $0) })
            let chains = Self.chainIDs(of: image).reversed().filter { !kept.contains($0) }
            return untagged + [.deleted(image.id)] + chains.map { .deleted($0) }
        }
        removeFiles(of: [image])
        return removals
    }

    /// Forgets deleted images that no workload needs any more.
    ///
    /// Blocks.
    public func releaseRetained(except users: Set<String>) throws(EngineError) {
        guard hasRetained(except: users) else { return }
        let released = try change { state throws(EngineError) in
            let released = state.retained.values.filter { !users.contains($0.id) }
            state.retained = state.retained.filter { users.contains($0.key) }
            return released
        }
        removeFiles(of: released)
    }

    /// Removes what only these images had, if the index does not name them any more.
    ///
    /// By their names, and once more by looking for them: what cannot be removed even then is only room lost.
    private func removeFiles(of images: [Image]) {
        withFiles { kept, pins, files in
            let ids = Set(kept.map(\.id))
            let diffIDs = Set(kept.flatMap { $0.layers.map(\.diffID) }).union(pins)
            for image in images where !ids.contains(image.id) {
                var paths = [files.blob(image.id)]
                for layer in image.layers where !diffIDs.contains(layer.diffID) {
                    paths += [files.layer(layer.diffID), files.split(layer.diffID)]
                }
                for path in paths { _ = path.withPlatformString { unlink($0) } }
            }
        }
        removeUnused()
    }

    /// The digests of an image's stacks of layers, lowest first (OCI image specification, config.md).
    public static func chainIDs(of image: Image) -> [String] {
        var chains: [String] = []
        for layer in image.layers {
            if let below = chains.last {
                chains.append(StoreFiles.digest(Data("\(below) \(layer.diffID)".utf8)))
            } else {
                chains.append(layer.diffID)
            }
        }
        return chains
    }
}
