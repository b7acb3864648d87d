// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Manifests and indexes that are well formed and mean no good.
extension HostileRegistryTests {
    private static let indexType = "application/vnd.oci.image.index.v1+json"
    private static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    private static func index(_ digest: String, size: Int, type: String) -> [UInt8] {
        Array(
            #"{"schemaVersion":2,"mediaType":"\#(indexType)","manifests":[{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size),"platform":{"os":"linux","architecture":"amd64"}}]}"#
                .utf8)
    }

    /// Serves documents by their digests, and one of them for every tag.
    private func expectFailure(_ words: String, top: [UInt8], _ documents: [[UInt8]] = []) async throws {
        let known = Dictionary(documents.map { (ImageLayout.digest($0), $0) }) { first, _ in first }
        try await expectFailure(words) { request, connection in
            let name = request.path.split(separator: "/").last.map(String.init) ?? ""
            if name.hasPrefix("sha256:"), known[name] == nil {
                return HTTPResponder.answer(connection, "404 Not Found")
            }
            HTTPResponder.answer(connection, headers: ["Content-Type": Self.manifestType], body: known[name] ?? top)
        }
    }

    @Test func indexesThatLeadNowhere() async throws {
        var documents = [Self.index(ImageLayout.digest([]), size: 0, type: Self.indexType)]
        for _ in 0..<5 {
            let last = documents[documents.count - 1]
            documents.append(Self.index(ImageLayout.digest(last), size: last.count, type: Self.indexType))
        }
        try await expectFailure("lie too deep in each other", top: documents[5], documents)
        // One that names itself by a tag's content has another digest than it says.
        let loop = Self.index("sha256:" + String(repeating: "a", count: 64), size: 1, type: Self.indexType)
        try await expectFailure("manifest verification failed for digest") { _, connection in
            HTTPResponder.answer(connection, headers: ["Content-Type": Self.indexType], body: loop)
        }
        let empty = Array(#"{"schemaVersion":2,"mediaType":"\#(Self.indexType)","manifests":[]}"#.utf8)
        try await expectFailure("no matching manifest for linux/amd64", top: empty)
        let negative = Self.index(ImageLayout.digest([]), size: -1, type: Self.manifestType)
        try await expectFailure("has -1 bytes", top: negative)
        let climbing = Self.index("sha256:../../../etc/passwd", size: 1, type: Self.manifestType)
        try await expectFailure("is no SHA-256 digest", top: climbing)
        let nested = Array(
            (#"{"mediaType":"\#(Self.indexType)","manifests":"# + String(repeating: "[", count: 1_000_000)).utf8)
        try await expectFailure("cannot be read", top: nested)
    }

    private static func image(
        layers: [(digest: String, size: Int)], diffIDs: [String]
    ) -> (manifest: [UInt8], configuration: [UInt8]) {
        let list = diffIDs.map { "\"\($0)\"" }.joined(separator: ",")
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[\#(list)]}}"#.utf8)
        let descriptors = layers.map { #"{"digest":"\#($0.digest)","size":\#($0.size)}"# }.joined(separator: ",")
        let manifest = Array(
            #"{"schemaVersion":2,"mediaType":"\#(manifestType)","config":{"digest":"\#(ImageLayout.digest(configuration))","size":\#(configuration.count)},"layers":[\#(descriptors)]}"#
                .utf8)
        return (manifest, configuration)
    }

    @Test func layersThatDoNotFit() async throws {
        let tar = ImageLayout.tar("file", [65])
        let digest = ImageLayout.digest(tar)
        let other = "sha256:" + String(repeating: "1", count: 64)
        // One blob that shall be two layers.
        let twofold = Self.image(layers: [(digest, tar.count), (digest, tar.count)], diffIDs: [digest, other])
        try await expectFailure(
            "has the digest \(digest) instead of \(other)", top: twofold.manifest, [twofold.configuration, tar])
        let fewer = Self.image(layers: [(digest, tar.count)], diffIDs: [digest, other])
        try await expectFailure("has 1 layers, its configuration 2", top: fewer.manifest, [fewer.configuration, tar])
        let many = Self.image(
            layers: Array(repeating: (digest, tar.count), count: 20_000),
            diffIDs: Array(repeating: digest, count: 20_000))
        try await expectFailure(
            "max depth exceeded: the image has 20000 layers", top: many.manifest, [many.configuration])
        let endless = Self.image(layers: [(digest, .max)], diffIDs: [digest])
        try await expectFailure("instead of \(Int.max)", top: endless.manifest, [endless.configuration, tar])
        let nothing = Self.image(layers: [(ImageLayout.digest([]), 0)], diffIDs: [ImageLayout.digest([])])
        try await expectFailure("the archive", top: nothing.manifest, [nothing.configuration, []])
        let strange = Self.image(layers: [(digest, tar.count)], diffIDs: ["sha256:../../../x"])
        try await expectFailure("is no SHA-256 digest", top: strange.manifest, [strange.configuration, tar])
    }

    /// What a registry says of a layer that it has not sent is not believed by a later push.
    @Test func aLayerThatWasNotReadHasNoPlace() async throws {
        #expect(try await daemon.tandem("image", "default").status == 0)
        let diffID = try await daemon.tandem("image", "inspect", "-f", "{{json .RootFS.Layers}}", "busybox").trimmed
            .trimmingCharacters(in: ["[", "]", "\""])
        let wrong = ImageLayout.tar("evil", [65])
        let image = Self.image(layers: [(ImageLayout.digest(wrong), wrong.count)], diffIDs: [diffID])
        let known = [ImageLayout.digest(image.configuration): image.configuration]
        let responder = try HTTPResponder { request, connection in
            if request.path.contains("/uploads/") { return HTTPResponder.answer(connection, "403 Forbidden") }
            if request.method == "HEAD" {
                let length = ["Content-Length": String(wrong.count)]
                return HTTPResponder.answer(connection, headers: length)
            }
            Self.serve(image.manifest, known, to: request, connection)
        }
        defer { responder.stop() }
        let name = responder.address + "/evil:1"
        let pulled = try await daemon.tandem("pull", name)
        #expect(pulled.status == 0, "\(pulled.errors)")
        let pushed = try await daemon.tandem("push", name)
        #expect(pushed.status == 1 && !pushed.output.contains("Layer already exists"), "\(pushed.output)")
        #expect(!responder.requests.contains { $0.path.hasSuffix(ImageLayout.digest(wrong)) })
        try await daemon.tandem("rmi", name)
    }

    @Test func pushingToARegistryThatMeansNoGood() async throws {
        #expect(try await daemon.tandem("image", "default").status == 0)
        let other = try HTTPResponder { _, connection in
            HTTPResponder.drain(connection)
            HTTPResponder.answer(connection, "403 Forbidden")
        }
        defer { other.stop() }
        try await expectRefusedPush("gave no address for an upload") { _, connection in
            HTTPResponder.answer(connection, "202 Accepted")
        }
        try await expectRefusedPush("unauthorized") { _, connection in
            HTTPResponder.answer(connection, "401 Unauthorized", headers: ["WWW-Authenticate": #"Basic realm="again""#])
        }
        // To another place nothing goes that only this registry may know.
        let elsewhere = "http://\(other.address)/elsewhere"
        try await expectRefusedPush("403") { request, connection in
            guard request.headers["authorization"] != nil else {
                return HTTPResponder.answer(
                    connection, "401 Unauthorized", headers: ["WWW-Authenticate": #"Basic realm="x""#])
            }
            HTTPResponder.answer(connection, "202 Accepted", headers: ["Location": elsewhere])
        }
        #expect(!other.requests.isEmpty && other.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    private func expectRefusedPush(
        _ words: String, _ respond: @escaping @Sendable (HTTPResponder.Request, Int32) -> Void
    ) async throws {
        let folder = try ScratchFolder(prefix: "hostile")
        defer { folder.remove() }
        let responder = try HTTPResponder { request, connection in
            if request.method == "HEAD" { return HTTPResponder.answer(connection, "404 Not Found") }
            respond(request, connection)
        }
        defer { responder.stop() }
        let entry = Data("anna:secret".utf8).base64EncodedString()
        _ = try folder.write("config.json", #"{"auths":{"\#(responder.address)":{"auth":"\#(entry)"}}}"#)
        let name = responder.address + "/evil:1"
        try await daemon.tandem("tag", "busybox", name)
        let pushed = try await Program(Binaries.path("tandem"), ["push", name]).run(
            environment: ["TANDEM_HOST": daemon.endpoint, "DOCKER_CONFIG": folder.path], deadline: 60)
        let lines = pushed.errors.split(separator: "\n")
        #expect(pushed.status == 1 && pushed.errors.contains(words) && lines.count <= 2, "\(pushed.errors)")
        #expect(daemon.isRunning)
        try await daemon.tandem("rmi", name)
    }
}
