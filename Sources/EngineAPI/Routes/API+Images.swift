// SPDX-License-Identifier: Apache-2.0

import APIModel
import CLinux
import Engine
import FoundationEssentials
import Glibc
import ImageStore
import LinuxSystem
import NIOHTTP1
import OCI
import TandemModel

extension API {
    func listImages(_ call: Call) async throws(EngineError) {
        let filters = try call.request.filters()
        var rows: [JSONValue] = []
        for image in engine.images.images where try Self.matches(image, filters) {
            rows.append([
                "Id": .string(image.id), "ParentId": "",
                "RepoTags": .strings(image.references.isEmpty ? [] : image.references), "RepoDigests": [],
                "Created": .count(Self.created(image).nanoseconds / 1_000_000_000), "Size": .count(image.size),
                "VirtualSize": .count(image.size), "SharedSize": -1, "Containers": -1,
                "Labels": .map(image.configuration.config?.labels ?? [:]),
            ])
        }
        try await call.connection.respond(.array(rows))
    }

    private static func matches(_ image: Image, _ filters: [String: [String]]) throws(EngineError) -> Bool {
        for (name, values) in filters {
            switch name {
            case "reference":
                let isNamed = image.references.contains { reference in
                    values.contains { value in
                        reference == value || reference.prefix { $0 != ":" } == value
                            || fnmatch(value, reference, 0) == 0
                            || fnmatch(value, String(reference.prefix { $0 != ":" }), 0) == 0
                    }
                }
                if !isNamed { return false }
            case "dangling":
                let wanted = values.contains { $0 == "true" || $0 == "1" }
                if image.references.isEmpty != wanted { return false }
            case "label":
                guard values.allSatisfy({ ContainerFilter.label($0, image.configuration.config?.labels ?? [:]) }) else {
                    return false
                }
            default: throw EngineError(.invalidArgument, "invalid filter '\(name)'")
            }
        }
        return true
    }

    private static func created(_ image: Image) -> Timestamp {
        // An image without a date is as old as time.
        (try? image.configuration.created.map { (text) throws(EngineError) in try TimeParameter.parse(text) })
            ?? Timestamp(nanoseconds: 0)
    }

    func inspectImage(_ call: Call) async throws(EngineError) {
        let image = try engine.images.image(call["name"])
        let defaults = image.configuration.config ?? ImageConfiguration.Defaults()
        try await call.connection.respond([
            "Id": .string(image.id), "RepoTags": .strings(image.references), "RepoDigests": [], "Parent": "",
            "Comment": "", "Created": .string(image.configuration.created ?? ""), "DockerVersion": "",
            "Author": .string(image.configuration.author ?? ""), "Config": Self.document(defaults),
            "Architecture": .string(image.configuration.architecture), "Os": .string(image.configuration.os),
            "Size": .count(image.size), "VirtualSize": .count(image.size),
            "GraphDriver": ["Name": "erofs-overlayfs", "Data": [:]],
            "RootFS": ["Type": "layers", "Layers": .strings(image.configuration.rootfs.diffIDs)],
            "Metadata": ["LastTagTime": "0001-01-01T00:00:00Z"],
        ])
    }

    private static func document(_ defaults: ImageConfiguration.Defaults) -> JSONValue {
        let set = { (members: [String: EmptyObject]?) -> JSONValue in
            members.map { .object($0.mapValues { _ in [:] }) } ?? nil
        }
        return [
            "User": .string(defaults.user ?? ""), "Env": .strings(defaults.environment ?? []),
            "Entrypoint": defaults.entrypoint.map { .strings($0) } ?? nil,
            "Cmd": defaults.command.map { .strings($0) } ?? nil, "WorkingDir": .string(defaults.workingDirectory ?? ""),
            "Labels": .map(defaults.labels ?? [:]), "ExposedPorts": set(defaults.exposedPorts),
            "Volumes": set(defaults.volumes), "StopSignal": .string(defaults.stopSignal ?? ""),
            "Healthcheck": defaults.healthCheck.map { JSONValue(encoding: $0) } ?? nil,
            "Shell": defaults.shell.map { .strings($0) } ?? nil,
        ]
    }

    func imageHistory(_ call: Call) async throws(EngineError) {
        let image = try engine.images.image(call["name"])
        var sizes = image.layers.map(\.size)[...]
        var rows: [JSONValue] = []
        for entry in image.configuration.history ?? [] {
            let size = entry.emptyLayer == true ? 0 : sizes.popFirst() ?? 0
            let time = try entry.created.map { (text) throws(EngineError) in try TimeParameter.parse(text) }
            rows.insert(
                [
                    "Id": "<missing>", "Created": .count((time?.nanoseconds ?? 0) / 1_000_000_000),
                    "CreatedBy": .string(entry.createdBy ?? ""), "Tags": nil, "Size": .count(size),
                    "Comment": .string(entry.comment ?? ""),
                ], at: 0)
        }
        if !rows.isEmpty {
            rows[0]["Id"] = .string(image.id)
            rows[0]["Tags"] = .strings(image.references)
        }
        try await call.connection.respond(.array(rows))
    }

    func tagImage(_ call: Call) async throws(EngineError) {
        guard let repository = call.request["repo"] else {
            throw EngineError(.invalidArgument, "the parameter 'repo' is missing")
        }
        let target = call.request["tag"].map { "\(repository):\($0)" } ?? repository
        try engine.images.tag(call["name"], as: target)
        await emitImage("tag", try engine.images.image(target).id, name: try Reference(target).description)
        try await call.connection.respond(.created)
    }

    func removeImage(_ call: Call) async throws(EngineError) {
        let id = try engine.images.image(call["name"]).id
        let removals = try engine.images.remove(
            call["name"], force: call.request.flag("force"), users: await engine.imageUsers())
        var rows: [JSONValue] = []
        for removal in removals {
            switch removal {
            case .untagged(let name):
                rows.append(["Untagged": .string(name)])
                await emitImage("untag", id)
            case .deleted(let digest):
                rows.append(["Deleted": .string(digest)])
                if digest == id { await emitImage("delete", id) }
            }
        }
        try await call.connection.respond(.array(rows))
    }

    // MARK: Bringing in

    /// `docker import` sends a tar; `docker pull` names an image.
    func createImage(_ call: Call) async throws(EngineError) {
        guard let source = call.request["fromSrc"] else {
            throw EngineError(
                .unsupported, "pulling images is not supported yet",
                hint: "Bring one in with `tandem image import`, for example from `docker save`.")
        }
        guard source == "-" else {
            throw EngineError(.unsupported, "importing from a URL is not supported", hint: "Send the archive itself.")
        }
        let name = call.request["repo"].map { repository in
            call.request["tag"].map { "\(repository):\($0)" } ?? repository
        }
        let (message, changes) = (call.request["message"] ?? "", call.request.query["changes"] ?? [])
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.importArchive(descriptor, reference: name, message: message, changes: changes)
        }
        await reportImport(images, "import")
        try await call.connection.respond(["status": .string(images.first?.id ?? "")])
    }

    func loadImage(_ call: Call) async throws(EngineError) {
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.loadArchive(descriptor)
        }
        await reportImport(images, "load")
        try await call.connection.begin(type: "application/json")
        for image in images {
            let names =
                image.references.isEmpty
                ? ["Loaded image ID: \(image.id)\n"] : image.references.map { "Loaded image: \($0)\n" }
            for name in names {
                let line: JSONValue = ["stream": .string(name)]
                try await call.connection.send(line.encoded() + [0x0A])
            }
        }
        try await call.connection.end()
    }

    /// Takes any archive, and says what came out of it.
    func importImage(_ call: Call) async throws(EngineError) {
        let (message, changes) = (call.request["message"] ?? "", call.request.query["changes"] ?? [])
        let reference = call.request["reference"]
        let images = try await withBody(call) { [engine] descriptor throws(EngineError) in
            try await engine.images.importArchive(descriptor, reference: reference, message: message, changes: changes)
        }
        await reportImport(images, "import")
        try await call.connection.respond(.array(images.map(Self.summary)))
    }

    func defaultImage(_ call: Call) async throws(EngineError) {
        let isNew = !engine.images.images.contains { $0.references.contains(ImageStore.defaultReference) }
        let image = try await engine.images.makeDefaultImage()
        if isNew { await reportImport([image], "import") }
        try await call.connection.respond(Self.summary(image))
    }

    private static func summary(_ image: Image) -> JSONValue {
        ["Id": .string(image.id), "RepoTags": .strings(image.references), "Size": .count(image.size)]
    }

    private func reportImport(_ images: [Image], _ action: String) async {
        for image in images {
            if action == "import", let name = image.references.first { await emitImage("tag", image.id, name: name) }
            await emitImage(action, image.id)
        }
    }

    /// Feeds the request's body into a pipe while `body` reads the other end.
    private func withBody<Value: Sendable>(
        _ call: Call, _ body: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw EngineError(.resourceExhausted, "no file descriptor is left for the archive")
        }
        let (reading, writing) = (ends[0], ends[1])
        // As much as the kernel gives an ordinary process: fewer switches between the two sides.
        _ = tandem_set_pipe_size(writing, 1 << 20)
        let task = Task { () -> Result<Value, EngineError> in
            defer { close(reading) }
            do throws(EngineError) {
                return .success(try await body(reading))
            } catch {
                return .failure(error)
            }
        }
        var problem: EngineError?
        do throws(EngineError) {
            while let bytes = try await call.request.nextBytes() {
                // A reader that has given up says why below.
                guard await BlockingQueue.run({ Self.write(bytes, to: writing) }) else { break }
            }
        } catch {
            problem = error
        }
        close(writing)
        let result = await task.value
        if let problem { throw problem }
        return try result.get()
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
