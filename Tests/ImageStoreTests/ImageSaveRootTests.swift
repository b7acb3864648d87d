// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

/// Needs root, as every test that imports.
@Suite("Saving images", .serialized)
struct ImageSaveRootTests {
    /// A way to make a tar that is a challenge to give back byte for byte.
    struct Dialect: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var script: String
    }

    private static let tree = """
        mkdir -p t/d/e; cp /bin/busybox t/d/; head -c 100000 /dev/urandom > t/big; : > t/none; printf x > t/one
        head -c 512 /dev/urandom > t/block; head -c 4096 /dev/urandom > t/page; ln t/one t/d/same; ln -s ../one t/d/link
        n=$(printf 'n%.0s' $(seq 150)); mkdir t/$n; printf long > t/$n/$n; mkfifo t/pipe; printf u > t/ümlaut
        """

    static let dialects = [
        Dialect(
            testDescription: "ustar, but for the long names",
            script: "rm -r t/n*; tar -cf archive.tar -C t --format=ustar ."),
        Dialect(testDescription: "GNU", script: "tar -cf archive.tar -C t --format=gnu ."),
        Dialect(testDescription: "pax", script: "tar -cf archive.tar -C t --format=posix ."),
        Dialect(testDescription: "v7", script: "rm -r t/n* t/pipe; tar -cf archive.tar -C t --format=v7 ."),
        Dialect(testDescription: "other blocking", script: "tar -cf archive.tar -b 1 -C t ."),
        Dialect(
            testDescription: "a member that comes twice",
            script: "tar -cf archive.tar -C t .; echo two > t/one; tar -rf archive.tar -C t ./one"),
        Dialect(
            testDescription: "a file in the place of a folder",
            script: "tar -cf archive.tar -C t .; rm -r t/d; echo d > t/d; tar -rf archive.tar -C t ./d"),
        Dialect(
            testDescription: "holes",
            script: "truncate -s 9M t/hole; printf end >> t/hole; tar -cSf archive.tar -C t --format=gnu ."),
        Dialect(
            testDescription: "holes in pax",
            script: "truncate -s 9M t/hole; printf end >> t/hole; tar -cSf archive.tar -C t --format=posix ."),
        Dialect(
            testDescription: "rubbish behind the end",
            script: "tar -cf archive.tar -C t .; head -c 70000 /dev/urandom >> archive.tar"),
        Dialect(
            testDescription: "a global header",
            script: "tar -cf archive.tar --format=posix --pax-option=comment=hello -C t ."),
        Dialect(
            testDescription: "extended attributes",
            script: "setfattr -n user.note -v value t/one 2>/dev/null || :; tar --xattrs -cf archive.tar -C t ."),
    ]

    @Test("a saved layer is the tar that came in", arguments: dialects)
    func isExact(_ dialect: Dialect) async throws {
        try await StoreFixture.run { fixture in
            let path = try fixture.archive(Self.tree + "\n" + dialect.script)
            let descriptor = open(path, O_RDONLY)
            defer { close(descriptor) }
            let image = try #require(await fixture.store.importArchive(descriptor, reference: "test:1").first)
            let saved = try save(["test:1"], fixture)
            let digits = try #require(image.layers.first).diffID.dropFirst(7)
            try run("cmp \(saved)/blobs/sha256/\(digits) \(path)")
        }
    }

    @Test("an archive has Docker's manifest and names, an OCI layout, and each layer once; it can be loaded again")
    func archive() async throws {
        try await StoreFixture.run { fixture in
            let store = fixture.store
            let first = try await fixture.importArchive(TestArchive(.gzip).add("file", content: "same"))
            try store.tag("test", as: "registry.example:5000/team/app:2")
            try store.tag("test", as: "test:other")
            let second = TestArchive().add("file", content: "same").finish()
            defer { close(second) }
            _ = try await store.importArchive(second, reference: "second", changes: ["CMD [\"sh\"]"])
            let saved = try save(["test", "second:latest", "registry.example:5000/team/app:2"], fixture)
            let layer = try #require(first.layers.first).diffID.dropFirst(7)
            let manifest = try json(saved + "/manifest.json") as? [[String: Any]]
            #expect(manifest?.count == 2)
            #expect(
                manifest?.first?["RepoTags"] as? [String]
                    == ["test:latest", "test:other", "registry.example:5000/team/app:2"])
            #expect(manifest?.first?["Layers"] as? [String] == ["blobs/sha256/\(layer)"])
            #expect(manifest?.first?["Config"] as? String == "blobs/sha256/\(first.id.dropFirst(7))")
            let repositories = try json(saved + "/repositories") as? [String: [String: String]]
            #expect(repositories?["registry.example:5000/team/app"] == ["2": String(layer)])
            #expect(repositories?["test"]?.keys.sorted() == ["latest", "other"])
            let index = try json(saved + "/index.json") as? [String: Any]
            let names = (index?["manifests"] as? [[String: Any]])?.compactMap {
                ($0["annotations"] as? [String: String])?["io.containerd.image.name"]
            }
            #expect(names?.contains("docker.io/library/test:other") == true)
            // Every blob is what its name says, and nothing is there twice.
            try run("cd \(saved)/blobs/sha256 && for b in *; do echo $b $b; done | sed 's/ / */' | sha256sum -c")
            #expect(try FileManager.default.contentsOfDirectory(atPath: saved + "/blobs/sha256").count == 5)
            let other = try ImageStore(root: fixture.root.appending("other"))
            let archive = open(saved + ".tar", O_RDONLY)
            defer { close(archive) }
            let loaded = try await other.loadArchive(archive)
            #expect(Set(loaded.map(\.id)) == Set(store.images.map(\.id)))
            #expect(other.references.keys.sorted() == store.references.keys.sorted())
        }
    }

    @Test("an id saves the image without its names; a name that is not there saves nothing")
    func selection() async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            #expect(try fixture.store.selection([image.id]).map(\.references) == [[]])
            #expect(try fixture.store.selection(["test", "test:latest"]).map(\.references) == [["test:latest"]])
            #expect(throws: EngineError.self) { try fixture.store.selection(["test:none"]) }
        }
    }

    @Test("a damaged layer is not given out as if it were whole")
    func damaged() async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importScript("seq 100000 > a; tar -cf archive.tar a")
            let file = try #require(image.layers.first).path.string
            try run("printf X | dd of=\(file) bs=1 seek=9000 conv=notrunc status=none")
            let error = #expect(throws: EngineError.self) { try save(["test"], fixture) }
            #expect(error?.code == .corruptData)
            unlink(file + ".split")
            let missing = #expect(throws: EngineError.self) { try save(["test"], fixture) }
            #expect(missing?.code == .unsupported)
        }
    }

    @Test("records go with their layers")
    func removal() async throws {
        try await StoreFixture.run { fixture in
            _ = try await fixture.importArchive(TestArchive().add("file", content: "x"))
            let layers = fixture.root.appending("store/layers")
            #expect(Folders.names(in: layers).count == 2)
            _ = try fixture.store.remove("test", force: false, users: [:])
            #expect(Folders.names(in: layers).isEmpty)
        }
    }

    /// Saves, and unpacks the archive into a folder.
    private func save(_ names: [String], _ fixture: StoreFixture) throws -> String {
        let folder = fixture.root.appending("saved-\(UInt32.random(in: 0...UInt32.max))")
        try Folders.make(folder)
        let file = open(folder.string + ".tar", O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        try fixture.store.save(try fixture.store.selection(names), to: file)
        try run("tar -xf \(folder).tar -C \(folder)")
        return folder.string
    }

    private func run(_ script: String) throws { try SystemProgram(path: "/bin/sh", arguments: ["-ec", script]).run() }

    private func json(_ path: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
