// SPDX-License-Identifier: Apache-2.0

import APIModel
import CLinux
import Engine
import Glibc
import ImageStore
import LinuxSystem
import NIOHTTP1
import TandemModel

/// Images that come in as archives.
extension API {
    /// `docker import` sends a tar; `docker pull` names an image.
    func createImage(_ call: Call) async throws(EngineError) {
        if let name = call.request["fromImage"] { return try await pullImage(call, name) }
        guard let source = call.request["fromSrc"] else {
            throw EngineError(
                .invalidArgument, "neither 'fromImage' nor 'fromSrc' is given", hint: "Name an image to pull.")
        }
        guard source == "-" else {
            throw EngineError(.unsupported, "importing from a URL is not supported", hint: "Send the archive itself.")
        }
        try Self.checkOwnPlatform(call)
        let name = call.request["repo"].map { repository in
            call.request["tag"].map { "\(repository):\($0)" } ?? repository
        }
        let (message, changes) = (call.request["message"] ?? "", call.request.query["changes"] ?? [])
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.importArchive(descriptor, reference: name, message: message, changes: changes)
        }
        await engine.reportImages(images, "import")
        try await call.connection.respond(["status": .string(images.first?.id ?? "")])
    }

    /// An archive is of one platform or has several of which ours is taken: only that one can be asked for.
    private static func checkOwnPlatform(_ call: Call) throws(EngineError) {
        guard let text = call.request["platform"] else { return }
        let wanted = try PlatformParameter(text)
        guard ["", "linux"].contains(wanted.os), ["", architecture].contains(wanted.architecture) else {
            throw EngineError(
                .unsupported,
                "the platform \(wanted.os)/\(wanted.architecture) is not supported: this machine is linux/\(architecture)"
            )
        }
    }

    func loadImage(_ call: Call) async throws(EngineError) {
        try Self.checkOwnPlatform(call)
        let known = engine.images.layerSizes
        let owners = engine.images.references
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.loadArchive(descriptor)
        }
        await engine.reportImages(images, "load")
        var lines: [JSONValue] = []
        if !call.request.flag("quiet") {
            var seen = Set(known.keys)
            for layer in images.flatMap(\.layers) where seen.insert(layer.diffID).inserted {
                lines.append([
                    "status": "Loading layer", "id": .string(String(layer.diffID.dropFirst(7).prefix(12))),
                    "progressDetail": ["current": .count(layer.size), "total": .count(layer.size)],
                ])
            }
        }
        for image in images {
            for name in image.references {
                guard let old = owners[name], old != image.id else { continue }
                lines.append([
                    "stream": .string(
                        "The image \(name) already exists, renaming the old one with ID \(old) to empty string\n")
                ])
            }
            let names =
                image.references.isEmpty
                ? ["Loaded image ID: \(image.id)\n"] : image.references.map { "Loaded image: \($0)\n" }
            lines += names.map { ["stream": .string($0)] }
        }
        try await call.connection.begin(type: "application/json")
        for line in lines { try await call.connection.send(line.encoded() + [0x0A]) }
        try await call.connection.end()
    }

    /// Takes any archive, and says what came out of it.
    func importImage(_ call: Call) async throws(EngineError) {
        let (message, changes) = (call.request["message"] ?? "", call.request.query["changes"] ?? [])
        let reference = call.request["reference"]
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.importArchive(descriptor, reference: reference, message: message, changes: changes)
        }
        await engine.reportImages(images, "import")
        try await call.connection.respond(.array(images.map(Self.summary)))
    }

    func defaultImage(_ call: Call) async throws(EngineError) {
        let isNew = !engine.images.images.contains { $0.references.contains(ImageStore.defaultReference) }
        let image = try await engine.images.makeDefaultImage()
        if isNew { await engine.reportImages([image], "import") }
        try await call.connection.respond(Self.summary(image))
    }

    private static func summary(_ image: Image) -> JSONValue {
        ["Id": .string(image.id), "RepoTags": .strings(image.references), "Size": .count(image.size)]
    }

    /// Feeds the request's body into a pipe while `body` reads the other end.
    func withBody<Value: Sendable>(
        _ call: Call, _ body: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        try await BytePipe.run(
            for: "archive",
            from: { (writing) async throws(EngineError) in
                while let bytes = try await call.request.nextBytes() {
                    // A reader that has given up says why itself.
                    guard await BlockingQueue.run({ BytePipe.write(bytes, to: writing) }) else { break }
                }
            }, to: body)
    }
}
