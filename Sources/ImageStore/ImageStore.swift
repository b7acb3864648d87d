// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials
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
    struct State {
        var images: [String: Image] = [:]
        var references: [String: String] = [:]
        /// The image of each name with a digest.
        var digests: [String: String] = [:]
        /// Where layers lie in registries, by diff id.
        var sources: [String: [LayerSource]] = [:]
        /// Layers that somebody relies on who has no image yet, and how many.
        var pins: [String: Int] = [:]
        /// Images that have been deleted while a workload still needs their layers; nobody else sees them.
        var retained: [String: Image] = [:]
        /// When each image was last named, as RFC 3339.
        var tagged: [String: String] = [:]

        /// Every image that has files.
        var all: [Image] { Array(images.values) + Array(retained.values) }

        /// The image that a reference, an id or the beginning of one names.
        func find(_ name: String) throws(EngineError) -> Image? {
            // A name that is no reference may still be an id.
            let reference = try? Reference(name)
            if let reference {
                if let id = references[reference.description] { return images[id] }
                // A name with both is found by its digest, as by dockerd.
                if let digest = reference.canonical, let id = digests[digest] { return images[id] }
            }
            let digits = name.hasPrefix("sha256:") ? String(name.dropFirst(7)) : name
            guard digits.count >= 4, digits.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else { return nil }
            let fitting = images.values.filter { $0.id.dropFirst(7).hasPrefix(digits) }
            guard fitting.count < 2 else {
                throw EngineError(
                    .invalidArgument, "the image id '\(name)' fits several images", hint: "Give more digits.")
            }
            return fitting.first
        }

        /// Notes where a layer lies: the latest place first, and not many of them.
        mutating func add(_ source: LayerSource, of diffID: String) {
            var known = sources[diffID] ?? []
            var merged = source
            if let index = known.firstIndex(where: { $0.digest == source.digest }) {
                let before = known.remove(at: index).repositories.filter { !source.repositories.contains($0) }
                merged.repositories = Array((source.repositories + before).prefix(8))
            }
            sources[diffID] = Array(([merged] + known).prefix(4))
        }
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
        loaded.tagged = index.tagged ?? [:]
        loaded.digests = index.digests ?? [:]
        loaded.sources = index.sources ?? [:]
        for id in index.images {
            var image = try load(id, references: index.references.filter { $0.value == id }.keys.sorted())
            image.digests = loaded.digests.filter { $0.value == id }.keys.sorted()
            image.parent = index.parents?[id]
            loaded.images[id] = image
        }
        for id in index.retained ?? [] { loaded.retained[id] = try load(id, references: []) }
        let opened = loaded
        state.withLock { state in
            state = opened
            // What an import, a pull or a removal that was cut off has left.
            removeUnused(state)
            let blobs = Folders.names(in: files.downloads).map { "sha256:" + $0 }
            guard !blobs.isEmpty else { return }
            let known = Set(state.sources.values.joined().map(\.digest))
            for digest in blobs where known.contains(digest) { removePartialBlob(digest) }
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
        try state.withLock { state throws(EngineError) in try state.find(name) }
    }

    /// The image that a workload was made from, by its whole id, even if it has been deleted since.
    public func usedImage(_ id: String) throws(EngineError) -> Image {
        if let image = state.withLock({ $0.images[id] ?? $0.retained[id] }) { return image }
        return try image(id)
    }

    /// Whether a deleted image is kept that none of these ids names.
    func hasRetained(except users: Set<String>) -> Bool {
        state.withLock { $0.retained.keys.contains { !users.contains($0) } }
    }

    /// When an image was last given a name, as RFC 3339; `nil` if it never was.
    public func lastTagged(_ id: String) -> String? { state.withLock { $0.tagged[id] } }

    /// The configuration of an image as it came, byte for byte.
    ///
    /// Blocks.
    public func configurationContent(of image: Image) throws(EngineError) -> Data { try files.read(blob: image.id) }

    /// All images, newest first.
    public var images: [Image] {
        state.withLock { Array($0.images.values) }.sorted {
            ($0.configuration.created ?? "", $0.id) > ($1.configuration.created ?? "", $1.id)
        }
    }

    /// The id of the image that each reference names.
    public var references: [String: String] { state.withLock { $0.references } }

    /// Bytes on disk of every layer, by diff id, each once however many images have it.
    public var layerSizes: [String: UInt64] {
        state.withLock { state in
            let layers = state.all.flatMap(\.layers)
            return Dictionary(layers.map { ($0.diffID, $0.size) }, uniquingKeysWith: { first, _ in first })
        }
    }

    // MARK: Changing

    /// Gives an image a further name; the name is taken from whatever had it.
    public func tag(_ source: String, as target: String) throws(EngineError) {
        let image = try image(source)
        guard !target.hasPrefix("sha256:") else {
            throw EngineError(
                .invalidArgument, "refusing to create an ambiguous tag using digest algorithm as name",
                hint: "Give it another name.")
        }
        let reference = try Reference(target)
        guard reference.digest == nil else {
            throw EngineError(
                .invalidArgument, "refusing to create a tag with a digest reference",
                hint: "Give it a name and a tag, for example app:1.")
        }
        try change { state throws(EngineError) in
            state.references[reference.description] = image.id
            state.tagged[image.id] = HostTime.now.rfc3339
        }
    }

    /// An image whose layers are ready, and that is not in the index yet.
    struct Candidate {
        var configuration: ImageConfiguration
        /// The configuration as it came.
        var content: Data
        /// Those of its layers that the store lacks: files in the staging folder by diff id.
        var layers: [String: FilePath]
        var references: [String]
        /// The image that it was made from here.
        var parent: String?
        /// Names with digests.
        var digests: [String] = []
        /// Where its layers lie, by diff id.
        var sources: [String: LayerSource] = [:]
    }

    /// Puts complete images into the index, under their names; all of them or none.
    ///
    /// - Returns: The images, each with these names alone.
    func commit(_ candidates: [Candidate]) throws(EngineError) -> [Image] {
        do throws(EngineError) {
            return try change { state throws(EngineError) in
                var ids: [String] = []
                for candidate in candidates { ids.append(try add(candidate, to: &state)) }
                return zip(ids, candidates).compactMap { id, candidate in
                    guard var image = state.images[id] else { return nil }
                    image.references = candidate.references
                    image.digests = candidate.digests
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
            let split = StoreFiles.split(of: file)
            if files.exists(split) { try files.move(split, to: files.split(diffID)) }
            try files.move(file, to: files.layer(diffID))
        }
        try files.replace(files.blob(id), with: candidate.content)
        for reference in candidate.references { state.references[reference] = id }
        for digest in candidate.digests { state.digests[digest] = id }
        for (diffID, source) in candidate.sources { state.add(source, of: diffID) }
        if !candidate.references.isEmpty { state.tagged[id] = HostTime.now.rfc3339 }
        var image = try load(id, references: [])
        // The same image may have been made before, or have come in as an archive.
        image.parent = state.images[id]?.parent ?? candidate.parent.flatMap { state.images[$0]?.id }
        state.images[id] = image
        state.retained[id] = nil
        return id
    }

    /// Removes the files that nothing in the index needs any more.
    func removeUnused() { state.withLock { removeUnused($0) } }

    /// Calls `body` with every image that has files, while none comes or goes.
    func withFiles(_ body: (_ images: [Image], _ pins: Set<String>, _ files: StoreFiles) -> Void) {
        state.withLock { body($0.all, Set($0.pins.keys), files) }
    }

    func changePins(_ body: (inout [String: Int]) -> Void) { state.withLock { body(&$0.pins) } }

    func index<Value: Sendable>(_ body: (borrowing State) -> Value) -> Value { state.withLock { body($0) } }

    /// Removes the files of images that are not in the index.
    ///
    /// Whatever cannot be removed is only room lost, until the next time.
    private func removeUnused(_ state: State) {
        let diffIDs = state.all.flatMap(\.layers).map(\.diffID) + state.pins.keys
        let layers = diffIDs.flatMap { [files.layer($0), files.split($0)] }
        let blobs = Set(state.all.map { files.blob($0.id) })
        files.removeFiles(in: files.layers, but: Set(layers))
        files.removeFiles(in: files.blobs, but: blobs)
    }

    /// Changes the index, on disk first; if that fails nothing has changed.
    func change<Value: Sendable>(
        _ body: (inout sending State) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        try state.withLock { state throws(EngineError) in
            var next = state
            let value = try body(&next)
            // An image may lose its last name to another one; it stays, nameless, as Docker keeps it.
            var names: [String: [String]] = [:]
            for (reference, id) in next.references { names[id, default: []].append(reference) }
            var digests: [String: [String]] = [:]
            for (digest, id) in next.digests { digests[id, default: []].append(digest) }
            for id in next.images.keys {
                next.images[id]?.references = (names[id] ?? []).sorted()
                next.images[id]?.digests = (digests[id] ?? []).sorted()
            }
            if next.sources.count > 0 {
                let present = Set(next.all.flatMap(\.layers).map(\.diffID))
                next.sources = next.sources.filter { present.contains($0.key) }
            }
            next.tagged = next.tagged.filter { next.images[$0.key] != nil }
            var parents: [String: String] = [:]
            for (id, image) in next.images {
                guard let parent = image.parent, next.images[parent] != nil else {
                    next.images[id]?.parent = nil
                    continue
                }
                parents[id] = parent
            }
            try files.write(
                StoreIndex(
                    images: next.images.keys.sorted(), references: next.references,
                    retained: next.retained.isEmpty ? nil : next.retained.keys.sorted(), tagged: next.tagged,
                    digests: next.digests.isEmpty ? nil : next.digests,
                    sources: next.sources.isEmpty ? nil : next.sources, parents: parents.isEmpty ? nil : parents))
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
