// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import LinuxSystem
import NIOHTTP1
import OCI
import TandemModel

extension API {
    func listImages(_ call: Call) async throws(EngineError) {
        var filters = try call.request.filters()
        // Before API 1.25 a name was a parameter of its own.
        if let name = call.request["filter"] { filters["reference", default: []].append(name) }
        let filter = try ImageFilter(filters, images: engine.images)
        let images = engine.images.images
        let sharing = call.request.flag("shared-size") ? LayerSharing(images) : nil
        // Steps of builds show only with `all`.
        let parents = call.request.flag("all") ? [] : Set(images.compactMap(\.parent))
        let rows = images.compactMap { image -> JSONValue? in
            guard !image.references.isEmpty || !parents.contains(image.id) else { return nil }
            guard let names = filter.names(of: image) else { return nil }
            let extras = ImageDocument.Extras(
                sharedSize: sharing?.sharedSize(of: image), isOld: call.request.isOlder(than: 1, 44))
            return ImageDocument.summary(image, names: names, extras)
        }
        try await call.connection.respond(.array(rows))
    }

    func inspectImage(_ call: Call) async throws(EngineError) {
        let images = engine.images
        let image = try images.image(call["name"])
        try Self.checkPlatform(call, image)
        let content = try await BlockingQueue.run { () throws(EngineError) in
            try images.configurationContent(of: image)
        }
        try await call.connection.respond(
            ImageDocument.full(
                image, content: content, lastTagged: images.lastTagged(image.id), request: call.request))
    }

    func imageHistory(_ call: Call) async throws(EngineError) {
        let image = try engine.images.image(call["name"])
        try Self.checkPlatform(call, image)
        try await call.connection.respond(try ImageDocument.history(image, in: engine.images))
    }

    /// A client that asks for an image of another machine has to hear that it is not there.
    static func checkPlatform(_ call: Call, _ image: Image, name: String? = nil) throws(EngineError) {
        guard let text = call.request["platform"] else { return }
        let wanted = try PlatformParameter(text)
        guard wanted.os.isEmpty || wanted.os == image.configuration.os,
            wanted.architecture.isEmpty || wanted.architecture == image.configuration.architecture
        else {
            throw EngineError(
                .notFound,
                "image with reference \(name ?? call["name"]) was found but does not provide the specified platform (\(wanted.os)/\(wanted.architecture))",
                hint: "Leave --platform out, or pull the image for that platform.")
        }
    }

    func tagImage(_ call: Call) async throws(EngineError) {
        guard let repository = call.request["repo"] else {
            throw EngineError(.invalidArgument, "the parameter 'repo' is missing")
        }
        let target = call.request["tag"].map { "\(repository):\($0)" } ?? repository
        try await engine.tagImage(call["name"], as: target)
        try await call.connection.respond(.created)
    }

    func removeImage(_ call: Call) async throws(EngineError) {
        let removals = try await engine.removeImage(
            call["name"], force: call.request.flag("force"), prunes: !call.request.flag("noprune"))
        try await call.connection.respond(Self.document(removals))
    }

    private static func document(_ removals: [ImageStore.Removal]) -> JSONValue {
        .array(
            removals.map { removal in
                switch removal {
                case .untagged(let name): ["Untagged": .string(name)]
                case .deleted(let digest): ["Deleted": .string(digest)]
                }
            })
    }

    func pruneImages(_ call: Call) async throws(EngineError) {
        let filters = try call.request.filters()
        let danglingOnly = try ImageFilter.dangling(filters) ?? true
        let filter = try PruneFilter(filters.filter { $0.key != "dangling" })
        // What pulls have left is nobody's either, unless only some images are meant.
        let left = filters.keys.allSatisfy { $0 == "dangling" } ? await engine.sweepDownloads(olderThan: .zero) : 0
        let (removals, space) = try await engine.pruneImages(danglingOnly: danglingOnly) { image in
            filter.includes(
                created: ImageFilter.created(image), labels: image.configuration.config?.labels ?? [:])
        }
        try await call.connection.respond([
            "ImagesDeleted": removals.isEmpty ? nil : Self.document(removals), "SpaceReclaimed": .count(space + left),
        ])
    }
}
