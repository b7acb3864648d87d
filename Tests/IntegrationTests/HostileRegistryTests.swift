// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Registries that mean no good: a clear error, nothing left, and the daemon goes on.
@Suite(.daemonOnHostNetwork, .serialized)
struct HostileRegistryTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// Pulls from a registry that answers by `respond`, and expects a failure that says `words`.
    func expectFailure(
        _ words: String, credentials: Bool = false, sourceLocation: SourceLocation = #_sourceLocation,
        _ respond: @escaping @Sendable (HTTPResponder.Request, Int32) -> Void
    ) async throws {
        let folder = try ScratchFolder(prefix: "hostile")
        defer { folder.remove() }
        let responder = try HTTPResponder(respond)
        defer { responder.stop() }
        if credentials {
            let entry = Data("anna:secret".utf8).base64EncodedString()
            _ = try folder.write("config.json", #"{"auths":{"\#(responder.address)":{"auth":"\#(entry)"}}}"#)
        }
        let pulled = try await Program(Binaries.path("tandem"), ["pull", responder.address + "/evil:1"]).run(
            environment: ["TANDEM_HOST": daemon.endpoint, "DOCKER_CONFIG": folder.path], deadline: 60)
        #expect(pulled.status == 1 && pulled.errors.contains(words), "\(pulled.errors)", sourceLocation: sourceLocation)
        #expect(try RegistryTests.leftovers(daemon).isEmpty, sourceLocation: sourceLocation)
        #expect(try await daemon.tandem("images", "-q", responder.address + "/evil").output.isEmpty)
        #expect(daemon.isRunning, sourceLocation: sourceLocation)
    }

    /// Answers for one image; TLS, which is tried first, gets nothing.
    static func serve(
        _ manifest: [UInt8], _ blobs: [String: [UInt8]], to request: HTTPResponder.Request, _ connection: Int32,
        type: String = "application/vnd.oci.image.manifest.v1+json"
    ) {
        if request.path.contains("/manifests/") {
            return HTTPResponder.answer(connection, headers: ["Content-Type": type], body: manifest)
        }
        guard let digest = request.path.split(separator: "/").last, let blob = blobs[String(digest)] else {
            return HTTPResponder.answer(connection, "404 Not Found")
        }
        HTTPResponder.answer(connection, body: blob)
    }

    @Test func manifestsWithoutEnd() async throws {
        try await expectFailure("the answer is longer than") { _, connection in
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n"
            let piece = [UInt8](repeating: 0x20, count: 65_536)
            guard LoopbackServer.send(Array(head.utf8), to: connection) else { return }
            while LoopbackServer.send(piece, to: connection) {}
        }
        try await expectFailure("malformed HTTP response") { _, connection in
            guard LoopbackServer.send(Array("HTTP/1.1 200 OK\r\n".utf8), to: connection) else { return }
            for number in 0..<1_000_000 {
                guard LoopbackServer.send(Array("X-\(number): y\r\n".utf8), to: connection) else { return }
            }
        }
    }

    @Test func goingRoundInCircles() async throws {
        try await expectFailure("stopped after 10 redirects") { request, connection in
            HTTPResponder.answer(connection, "307 Temporary Redirect", headers: ["Location": request.path])
        }
        try await expectFailure("unauthorized", credentials: true) { _, connection in
            HTTPResponder.answer(connection, "401 Unauthorized", headers: ["WWW-Authenticate": #"Basic realm="again""#])
        }
    }

    @Test func credentialsGoNowhereElse() async throws {
        let other = try HTTPResponder { _, connection in
            HTTPResponder.answer(connection, body: Array(#"{"token":"abc"}"#.utf8))
        }
        defer { other.stop() }
        // By another name of this machine the server is another host.
        let realm = "http://localhost:\(other.address.split(separator: ":")[1])/token"
        try await expectFailure("credentials to be sent to another host", credentials: true) { _, connection in
            HTTPResponder.answer(
                connection, "401 Unauthorized", headers: ["WWW-Authenticate": #"Bearer realm="\#(realm)",service="x""#])
        }
        #expect(other.requests.isEmpty)
        // A redirect to another port takes no header along.
        try await expectFailure("is no image", credentials: true) { request, connection in
            guard request.headers["authorization"] != nil else {
                return HTTPResponder.answer(
                    connection, "401 Unauthorized", headers: ["WWW-Authenticate": #"Basic realm="x""#])
            }
            let headers = ["Location": "http://\(other.address)/elsewhere"]
            HTTPResponder.answer(connection, "302 Found", headers: headers)
        }
        #expect(other.requests.count == 1 && other.requests[0].headers["authorization"] == nil)
    }

    @Test func blobsThatAreNotWhatTheyShouldBe() async throws {
        let folder = try ScratchFolder(prefix: "blobs")
        defer { folder.remove() }
        let layout = try ImageLayout(folder.path)
        let layer = try await layout.add(tar: ImageLayout.tar("file", [UInt8](repeating: 65, count: 5_000)))
        let manifest = try layout.add(image: [layer])
        let configuration = try #require(try Self.member("config", of: manifest))
        let blobs = { (content: [UInt8]) in [layer.blob.digest: content] }
        let parts = try [
            configuration: [UInt8](Data(contentsOf: folder.url("blobs/sha256/" + configuration.dropFirst(7))))
        ]
        func fails(_ words: String, _ content: [UInt8]) async throws {
            let all = parts.merging(blobs(content)) { $1 }
            try await expectFailure(words) { Self.serve(manifest.content, all, to: $0, $1) }
        }
        try await fails("bytes instead of \(layer.blob.content.count)", layer.blob.content + [0])
        try await fails("bytes instead of \(layer.blob.content.count)", Array(layer.blob.content.dropLast()))
        var changed = layer.blob.content
        changed[changed.count - 3] ^= 1
        try await fails("filesystem layer verification failed for digest \(layer.blob.digest)", changed)
        // A body that never ends: it is read as far as the manifest says.
        try await expectFailure("filesystem layer verification failed") { [parts, changed] request, connection in
            guard request.path.hasSuffix(layer.blob.digest) else {
                return Self.serve(manifest.content, parts, to: request, connection)
            }
            guard LoopbackServer.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8), to: connection) else { return }
            while LoopbackServer.send(changed, to: connection) {}
        }
        // The right blob, of another layer than the configuration names.
        var wrong = layer
        wrong.diffID = "sha256:" + String(repeating: "0", count: 64)
        let mismatched = try layout.add(image: [wrong])
        let name = try #require(try Self.member("config", of: mismatched))
        let all = [
            name: [UInt8](try Data(contentsOf: folder.url("blobs/sha256/" + name.dropFirst(7)))),
            layer.blob.digest: layer.blob.content,
        ]
        try await expectFailure("has the digest \(layer.diffID) instead of") {
            Self.serve(mismatched.content, all, to: $0, $1)
        }
    }

    private static func member(_ name: String, of manifest: ImageLayout.Blob) throws -> String? {
        let document = try JSONSerialization.jsonObject(with: Data(manifest.content)) as? [String: Any]
        return (document?[name] as? [String: Any])?["digest"] as? String
    }

    @Test func manifestsThatAreNone() async throws {
        for (words, text) in [
            ("cannot be read", #"{"schemaVersion":2}"#), ("cannot be read", "{"),
            ("is no SHA-256 digest", #"{"config":{"digest":"sha256:../../../../etc/passwd","size":1},"layers":[]}"#),
            ("bytes", #"{"config":{"digest":"sha256:\#(String(repeating: "a", count: 64))","size":-1},"layers":[]}"#),
            (
                "too long",
                #"{"config":{"digest":"sha256:\#(String(repeating: "a", count: 64))","size":9000000000},"layers":[]}"#
            ),
        ] {
            try await expectFailure(words) { Self.serve(Array(text.utf8), [:], to: $0, $1) }
        }
        try await expectFailure("is no image: its manifest is of the type 'text/html'") {
            Self.serve(Array("<html>".utf8), [:], to: $0, $1, type: "text/html; charset=utf-8")
        }
        try await expectFailure("manifest verification failed for digest") { _, connection in
            HTTPResponder.answer(
                connection, headers: ["Docker-Content-Digest": "sha256:" + String(repeating: "0", count: 64)],
                body: Array("{}".utf8))
        }
    }

    @Test func aBombAgainstAQuota() async throws {
        let folder = try ScratchFolder(prefix: "bomb")
        defer { folder.remove() }
        let layout = try ImageLayout(folder.path)
        // 200 MB that compress to 200 kB, for a store that has 48 MB.
        let content = [UInt8](repeating: 65, count: 200_000_000)
        let layer = try await layout.add(tar: ImageLayout.tar("zeros", content))
        try layout.tag(try layout.add(image: [layer]), as: "1")
        let registry = try await RegistryServer()
        try await layout.push("1", to: registry.address + "/bomb:1")
        let small = try await Daemon(onHostNetwork: true)
        #expect(try await small.tandem("image", "default").status == 0)
        await small.stop()
        let store = small.folder.path + "/data/images"
        let mounted = try await Program(
            "sh",
            ["-ec", "mv '\(store)' '\(store).old'; mkdir '\(store)'; mount -t tmpfs -o size=48m tmpfs '\(store)'"]
        ).run()
        #expect(mounted.status == 0, "\(mounted.errors)")
        try await small.start()
        let pulled = try await small.tandem("pull", registry.address + "/bomb:1")
        #expect(pulled.status == 1 && pulled.errors.contains("No space left on device"), "\(pulled.errors)")
        // The blob is whole and may stay for another try; nothing of the layer does.
        #expect(try FileManager.default.contentsOfDirectory(atPath: store + "/staging").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store + "/layers").isEmpty)
        #expect(try await small.tandem("image", "default").status == 0)
        await small.stop()
        #expect(try await Program("umount", [store]).run().status == 0)
        await small.tearDown()
        await registry.stop()
    }
}
