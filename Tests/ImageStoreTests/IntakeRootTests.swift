// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ImageStore
import LinuxSystem
import OCI
import SystemPackage
import TandemModel
import TestSupport
import Testing

/// Layers that are made of blobs while they come.
///
/// Needs root, as every test with a store.
@Suite("Blobs on their way", .serialized)
struct IntakeRootTests {
    private static let tar = ImageLayout.tar("file", ImageLayout.noise(700_000))
    private static let digest = ImageLayout.digest(tar)
    private static let size = UInt64(tar.count)

    private static func configuration(_ diffID: String) -> Data {
        Data(
            #"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["\#(diffID)"]}}"#
                .utf8
        )
    }

    private static func fetched(_ layers: [StagedLayer], tag: String?, manifest: String) throws -> FetchedImage {
        let name = try Reference("registry.example/app")
        return FetchedImage(
            configuration: configuration(digest), layers: layers, tag: try tag.map { try name.with(tag: $0) },
            digest: try name.with(digest: ImageLayout.digest(Array(manifest.utf8))),
            sources: [
                digest: LayerSource(
                    digest: digest, size: size, mediaType: "tar", repositories: ["registry.example/app"])
            ])
    }

    private static func take(_ store: ImageStore, tag: String?, manifest: String) throws -> Image {
        let blob = try store.partialBlob(digest, size: size)
        if blob.length == 0 { try blob.append(tar) }
        let layer = try store.stage(blob, diffID: digest)
        defer {
            store.discard(layer)
            store.removePartialBlob(digest)
        }
        return try store.commit(try fetched([layer], tag: tag, manifest: manifest))
    }

    @Test("a layer is ready when its last byte has come, and what was there before goes on")
    func resumes() async throws {
        try await StoreFixture.run { fixture in
            let half = Self.tar.count / 2
            try fixture.store.partialBlob(Self.digest, size: Self.size).append(Array(Self.tar[..<half]))
            let store = try ImageStore(root: fixture.root.appending("store"))
            let blob = try store.partialBlob(Self.digest, size: Self.size)
            #expect(blob.length == UInt64(half) && !blob.isIntact())
            async let staged = BlockingQueue.run { () throws(EngineError) in
                try store.stage(blob, diffID: Self.digest)
            }
            for begin in stride(from: half, to: Self.tar.count, by: 50_000) {
                try blob.append(Array(Self.tar[begin..<min(begin + 50_000, Self.tar.count)]))
            }
            let layer = try await staged
            #expect(blob.isIntact())
            let image = try store.commit(try Self.fetched([layer], tag: "1", manifest: "a"))
            store.discard(layer)
            #expect(image.references == ["registry.example/app:1"])
            let found = try ImageStore(root: fixture.root.appending("store")).image("registry.example/app:1")
            #expect(found.digests == ["registry.example/app@\(ImageLayout.digest(Array("a".utf8)))"])
            #expect(try fixture.look(found) { try Data(contentsOf: URL(filePath: $0 + "/file")).count } == 700_000)
            #expect(store.sources(of: Self.digest).first?.repositories == ["registry.example/app"])
        }
    }

    @Test("what ends too early, or is something else, leaves nothing")
    func refuses() async throws {
        try await StoreFixture.run { fixture in
            let blob = try fixture.store.partialBlob(Self.digest, size: Self.size)
            try blob.append(Array(Self.tar[..<1_000]))
            blob.giveUp()
            #expect(throws: EngineError.self) { try fixture.store.stage(blob, diffID: Self.digest) }
            blob.remove()
            let other = "sha256:" + String(repeating: "0", count: 64)
            let whole = try fixture.store.partialBlob(Self.digest, size: Self.size)
            try whole.append(Self.tar)
            let wrong = #expect(throws: EngineError.self) { try fixture.store.stage(whole, diffID: other) }
            #expect(wrong?.message.contains("has the digest \(Self.digest) instead of \(other)") == true)
            whole.remove()
            let changed = try fixture.store.partialBlob(other, size: Self.size)
            try changed.append(Self.tar)
            #expect(throws: EngineError.self) { try fixture.store.stage(changed, diffID: Self.digest) }
            #expect(!changed.isIntact())
            changed.remove()
            #expect(throws: EngineError.self) { try fixture.store.partialBlob("sha256:../../x", size: 1) }
            #expect(Folders.names(in: fixture.root.appending("store/layers")).isEmpty)
        }
    }

    @Test("blobs that nobody goes on with are swept, and more than there can be is thrown away")
    func sweeps() async throws {
        try await StoreFixture.run { fixture in
            try fixture.store.partialBlob(Self.digest, size: Self.size).append(Self.tar)
            #expect(fixture.store.removePartialBlobs(olderThan: .seconds(3_600)) == 0)
            #expect(fixture.store.removePartialBlobs(olderThan: .zero, except: [Self.digest]) == 0)
            #expect(try fixture.store.partialBlob(Self.digest, size: 10).length == 0)
            try fixture.store.partialBlob(Self.digest, size: Self.size).append(Self.tar)
            #expect(fixture.store.removePartialBlobs(olderThan: .zero) >= Self.size)
        }
    }

    @Test("digests are names that go with their repository's last tag, as dockerd has it")
    func digests() async throws {
        try await StoreFixture.run { fixture in
            let store = fixture.store
            let image = try Self.take(store, tag: "1", manifest: "a")
            let digest = try #require(image.digests.first)
            try store.tag(image.id, as: "other:1")
            #expect(
                try store.remove("registry.example/app:1", force: false, users: [:]) == [
                    .untagged("registry.example/app:1"), .untagged(digest),
                ])
            // By id it now has one name.
            #expect(try store.remove(image.id, force: false, users: [:]).first == .untagged("other:1"))
            let again = try Self.take(store, tag: nil, manifest: "a")
            #expect(try store.image(digest).references.isEmpty)
            #expect(
                try store.remove(digest, force: false, users: [:]) == [
                    .untagged(digest), .deleted(again.id), .deleted(Self.digest),
                ])
        }
    }

    @Test("a layer that somebody relies on stays when its image goes")
    func pins() async throws {
        try await StoreFixture.run { fixture in
            let store = fixture.store
            let image = try Self.take(store, tag: "1", manifest: "a")
            store.pin([Self.digest])
            store.pin([Self.digest])
            _ = try store.remove(image.id, force: false, users: [:])
            store.unpin([Self.digest])
            #expect(store.hasLayer(Self.digest))
            _ = try store.commit(try Self.fetched([], tag: "2", manifest: "b"))
            store.unpin([Self.digest])
            #expect(store.hasLayer(Self.digest))
            _ = try store.remove("registry.example/app:2", force: false, users: [:])
            #expect(!store.hasLayer(Self.digest))
        }
    }

    @Test("a layer is compressed to the same bytes every time, from which it comes back")
    func compresses() async throws {
        try await StoreFixture.run { fixture in
            let image = try Self.take(fixture.store, tag: "1", manifest: "a")
            var results: [[UInt8]] = []
            for _ in 0..<2 {
                let compressed = try fixture.store.compressed(image.layers[0])
                var bytes: [UInt8] = []
                while let piece = try await compressed.next() { bytes += piece }
                #expect(compressed.identity.digest == ImageLayout.digest(bytes))
                #expect(compressed.identity.size == UInt64(bytes.count) && compressed.taken == Self.size)
                results.append(bytes)
            }
            #expect(results[0] == results[1])
            let packed = results[0]
            let blob = try fixture.store.partialBlob(ImageLayout.digest(packed), size: UInt64(packed.count))
            try blob.append(packed)
            let layer = try fixture.store.stage(blob, diffID: Self.digest)
            #expect(layer.diffID == Self.digest)
            fixture.store.discard(layer)
        }
    }
}
