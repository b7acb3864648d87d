// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import LinuxSystem
import OCI
import Synchronization
public import SystemPackage
public import TandemModel

/// Images by content: configurations and layers named by their digests, and names that point to them.
///
/// Finding an image takes no system call. An image is in the index only after all its files are on disk; a layer's file
/// goes with the last image that has it.
public final class ImageStore: Sendable {
    private struct State {
        var images: [String: Image] = [:]
        var references: [String: String] = [:]
    }

    let files: StoreFiles
    private let state = Mutex(State())

    /// Opens a store, or makes an empty one.
    ///
    /// Blocks.
    ///
    /// - Throws: `.corruptData` if the index or a configuration is damaged.
    public init(root: FilePath) throws(EngineError) {
        files = StoreFiles(root: root)
        try files.prepare()
        let index = try files.readIndex()
        var loaded = State()
        loaded.references = index.references
        for id in index.images {
            loaded.images[id] = try load(id, references: index.references.filter { $0.value == id }.keys.sorted())
        }
        let opened = loaded
        state.withLock { state in
            state = opened
            // What an import or a removal that was cut off has left.
            removeUnused(state)
        }
    }

    private func load(_ id: String, references: [String]) throws(EngineError) -> Image {
        let configuration = try Self.decode(
            ImageConfiguration.self, from: try files.read(blob: id), "the configuration of '\(id)'")
        var layers: [Layer] = []
        for diffID in configuration.rootfs.diffIDs {
            guard let size = files.layerSize(diffID) else {
                throw EngineError(
                    .corruptData, "the layer '\(diffID)' of the image '\(id)' is missing from the store",
                    hint: "Remove '\(id)' from '\(files.root)/index.json' and import the image again.")
            }
            layers.append(Layer(diffID: diffID, path: files.layer(diffID), size: size))
        }
        return Image(id: id, configuration: configuration, layers: layers, references: references)
    }

    // MARK: Finding

    /// Finds an image by name, id, or the beginning of an id.
    ///
    /// - Throws: `.notFound` in Docker's words, `.invalidArgument` if a beginning fits several.
    public func image(_ name: String) throws(EngineError) -> Image {
        if let found = try find(name) { return found }
        let shown = (try? Reference(name).description) ?? name  // a text that is no reference is shown as it is
        throw EngineError(
            .notFound, "No such image: \(shown)",
            hint: "`tandem images` lists what there is; `tandem image import` brings in more.")
    }

    private func find(_ name: String) throws(EngineError) -> Image? {
        // A name that is no reference may still be an id.
        let reference = try? Reference(name)
        return try state.withLock { state throws(EngineError) in
            if let reference, let id = state.references[reference.description] { return state.images[id] }
            let digits = name.hasPrefix("sha256:") ? String(name.dropFirst(7)) : name
            guard digits.count >= 4, digits.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else { return nil }
            let fitting = state.images.values.filter { $0.id.dropFirst(7).hasPrefix(digits) }
            guard fitting.count < 2 else {
                throw EngineError(
                    .invalidArgument, "the image id '\(name)' fits several images", hint: "Give more digits.")
            }
            return fitting.first
        }
    }

    /// All images, newest first.
    public var images: [Image] {
        state.withLock { Array($0.images.values) }.sorted {
            ($0.configuration.created ?? "", $0.id) > ($1.configuration.created ?? "", $1.id)
        }
    }

    // MARK: Changing

    /// Gives an image a further name; the name is taken from whatever had it.
    public func tag(_ source: String, as target: String) throws(EngineError) {
        let image = try image(source)
        let reference = try Reference(target)
        guard reference.digest == nil else {
            throw EngineError(
                .invalidArgument, "refusing to create a tag with a digest reference",
                hint: "Give it a name and a tag, for example app:1.")
        }
        try change { state throws(EngineError) in state.references[reference.description] = image.id }
    }

    /// What a removal did.
    public enum Removal: Sendable, Hashable {
        /// A name is gone.
        case untagged(String)
        /// An image, or a layer, is gone.
        case deleted(String)
    }

    /// Removes a name, and the image with its last name.
    ///
    /// By id: the image with all its names.
    ///
    /// `users` tells which image ids are in use, each by what.
    ///
    /// - Throws: `.conflict` in Docker's words if a workload uses it, or an id has several names and `force` is not set.
    public func remove(_ name: String, force: Bool, users: [String: String]) throws(EngineError) -> [Removal] {
        let image = try image(name)
        let reference = try? Reference(name).description  // an id need not be a reference
        let isByName = reference.map(image.references.contains) ?? false
        if isByName, image.references.count > 1, let reference {
            try change { state throws(EngineError) in state.references[reference] = nil }
            return [.untagged(reference)]
        }
        if !isByName && image.references.count > 1 && !force {
            throw EngineError(
                .conflict,
                "conflict: unable to delete \(image.shortID) (must be forced) - image is referenced in multiple repositories",
                hint: "Remove it by its names, or add --force.")
        }
        if let user = users[image.id] {
            if isByName, force, let reference {
                try change { state throws(EngineError) in state.references[reference] = nil }
                return [.untagged(reference)]
            }
            throw EngineError(
                .conflict,
                "conflict: unable to \(isByName ? "remove repository reference \"\(name)\" (must force)" : "delete \(image.shortID) (cannot be forced)") - container \(user) is using its referenced image \(image.shortID)",
                hint: "Remove the container first: tandem rm \(user)")
        }
        return try delete(image)
    }

    private func delete(_ image: Image) throws(EngineError) -> [Removal] {
        let unused = try change { state throws(EngineError) in
            state.images[image.id] = nil
            for reference in image.references { state.references[reference] = nil }
            let kept = Set(state.images.values.flatMap { $0.layers.map(\.diffID) })
            return image.layers.filter { !kept.contains($0.diffID) }
        }
        for path in unused.map(\.path) + [files.blob(image.id)] { _ = path.withPlatformString { unlink($0) } }
        // Once more, by looking for them, if that did not go well.
        state.withLock { removeUnused($0) }
        return image.references.map { .untagged($0) } + [.deleted(image.id)] + unused.map { .deleted($0.diffID) }
    }

    /// An image whose layers are ready, and that is not in the index yet.
    struct Candidate {
        var configuration: ImageConfiguration
        /// The configuration as it came.
        var content: Data
        /// Those of its layers that the store lacks: files in the staging folder by diff id.
        var layers: [String: FilePath]
        var references: [String]
    }

    /// Puts complete images into the index, under their names; all of them or none.
    func commit(_ candidates: [Candidate]) throws(EngineError) -> [Image] {
        do throws(EngineError) {
            return try change { state throws(EngineError) in
                var ids: [String] = []
                for candidate in candidates { ids.append(try add(candidate, to: &state)) }
                return ids.compactMap { id in
                    guard var image = state.images[id] else { return nil }
                    image.references = state.references.filter { $0.value == id }.keys.sorted()
                    return image
                }
            }
        } catch {
            state.withLock { removeUnused($0) }
            throw error
        }
    }

    private func add(_ candidate: Candidate, to state: inout State) throws(EngineError) -> String {
        let id = StoreFiles.digest(candidate.content)
        for (diffID, file) in candidate.layers where files.layerSize(diffID) == nil {
            try files.move(file, to: files.layer(diffID))
        }
        try files.replace(files.blob(id), with: candidate.content)
        for reference in candidate.references { state.references[reference] = id }
        state.images[id] = try load(id, references: [])
        return id
    }

    /// Removes the files of images that are not in the index.
    ///
    /// Whatever cannot be removed is only room lost, until the next time.
    private func removeUnused(_ state: State) {
        let layers = Set(state.images.values.flatMap { $0.layers.map(\.path) })
        let blobs = Set(state.images.keys.map { files.blob($0) })
        files.removeFiles(in: files.layers, but: layers)
        files.removeFiles(in: files.blobs, but: blobs)
    }

    /// Changes the index, on disk first; if that fails nothing has changed.
    private func change<Value: Sendable>(
        _ body: (inout sending State) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        try state.withLock { state throws(EngineError) in
            var next = state
            let value = try body(&next)
            // An image may lose its last name to another one; it stays, nameless, as Docker keeps it.
            var names: [String: [String]] = [:]
            for (reference, id) in next.references { names[id, default: []].append(reference) }
            for id in next.images.keys { next.images[id]?.references = (names[id] ?? []).sorted() }
            try files.write(StoreIndex(images: next.images.keys.sorted(), references: next.references))
            state = next
            return value
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from content: Data, _ what: String) throws(EngineError)
        -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: content)
        } catch {
            throw EngineError(
                .corruptData, "\(what) cannot be read: it is not what the OCI image specification describes")
        }
    }
}
