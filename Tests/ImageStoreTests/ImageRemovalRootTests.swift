// SPDX-License-Identifier: Apache-2.0

import Glibc
import ImageStore
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

/// dockerd's rules, as its version 20.10 was seen to follow them.
///
/// Needs root, as every test that imports.
@Suite("Removing images", .serialized)
struct ImageRemovalRootTests {
    private let stopped = ImageUser(name: "aaaaaaaaaaaa", isRunning: false)
    private let running = ImageUser(name: "bbbbbbbbbbbb", isRunning: true)

    private func conflict(_ body: () throws -> [ImageStore.Removal]) -> String? {
        let error = #expect(throws: EngineError.self) { _ = try body() }
        #expect(error?.code == .conflict)
        return error?.message
    }

    @Test("names go one by one, and the image with the last of them, topmost layer first")
    func names() async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            try fixture.store.tag("test", as: "b")
            #expect(
                conflict { try fixture.store.remove(image.shortID, force: false, users: [:]) }
                    == "conflict: unable to delete \(image.shortID) (must be forced) - image is referenced in multiple repositories"
            )
            #expect(try fixture.store.remove("test", force: false, users: [:]) == [.untagged("test:latest")])
            #expect(
                try fixture.store.remove("b", force: false, users: [:])
                    == [.untagged("b:latest"), .deleted(image.id), .deleted(image.layers[0].diffID)])
        }
    }

    @Test("what does not run can be forced; its layers stay until it goes")
    func stoppedUser() async throws {
        try await StoreFixture.run { fixture in
            let store = fixture.store
            let image = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            let users: ImageUsers = [image.id: [stopped]]
            #expect(
                conflict { try store.remove("test", force: false, users: users) }
                    == "conflict: unable to remove repository reference \"test\" (must force) - container \(stopped.name) is using its referenced image \(image.shortID)"
            )
            #expect(
                conflict { try store.remove(image.id, force: false, users: users) }
                    == "conflict: unable to delete \(image.shortID) (must be forced) - image is being used by stopped container \(stopped.name)"
            )
            #expect(
                try store.remove("test", force: true, users: users) == [.untagged("test:latest"), .deleted(image.id)])
            #expect(store.images.isEmpty)
            #expect(throws: EngineError.self) { try store.image(image.id) }
            #expect(try ImageStore(root: fixture.root.appending("store")).usedImage(image.id).id == image.id)
            try store.releaseRetained(except: [image.id])
            #expect(Folders.names(in: fixture.root.appending("store/layers")).count == 2)
            try store.releaseRetained(except: [])
            #expect(Folders.names(in: fixture.root.appending("store/layers")).isEmpty)
            #expect(throws: EngineError.self) { try store.usedImage(image.id) }
        }
    }

    @Test("what runs cannot be forced away: only its name can")
    func runningUser() async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            let users: ImageUsers = [image.id: [stopped, running]]
            for force in [false, true] {
                #expect(
                    conflict { try fixture.store.remove(image.id, force: force, users: users) }
                        == "conflict: unable to delete \(image.shortID) (cannot be forced) - image is being used by running container \(running.name)"
                )
            }
            #expect(try fixture.store.remove("test", force: true, users: users) == [.untagged("test:latest")])
            #expect(fixture.store.images.map(\.references) == [[]])
        }
    }

    @Test("an image that comes again is no longer a deleted one")
    func comesAgain() async throws {
        try await StoreFixture.run { fixture in
            let store = fixture.store
            let image = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            let saved = open(fixture.root.appending("saved.tar").string, O_RDWR | O_CREAT, 0o600)
            defer { close(saved) }
            try store.save(try store.selection(["test"]), to: saved)
            _ = try store.remove("test", force: true, users: [image.id: [stopped]])
            lseek(saved, 0, SEEK_SET)
            #expect(try await store.loadArchive(saved).map(\.id) == [image.id])
            try store.releaseRetained(except: [])
            #expect(try store.image("test").id == image.id)
            #expect(Folders.names(in: fixture.root.appending("store/layers")).count == 2)
        }
    }
}
