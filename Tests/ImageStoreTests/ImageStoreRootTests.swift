// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import OCI
import SystemPackage
import TandemModel
import Testing

/// Needs root: layers have owners and devices, and are mounted to look into them.
@Suite("The image store", .serialized)
struct ImageStoreRootTests {
    private let root = FilePath("/tmp/tandem-images-\(UInt32.random(in: 0...UInt32.max))")

    private func withStore(_ body: (ImageStore) async throws -> Void) async throws {
        let store = try ImageStore(root: root)
        defer { try? Folders.remove(root) }
        try await body(store)
        #expect(Folders.names(in: root.appending("staging")).isEmpty)
    }

    /// Mounts the topmost layer and looks into it.
    private func look<Value>(_ image: Image, _ body: (String) throws -> Value) throws -> Value {
        let point = root.appending("look")
        try Folders.make(point)
        try MountPoint.mountErofs(try #require(image.layers.last).path, on: point)
        defer { try? MountPoint.detach(point) }
        return try body(point.string)
    }

    private func attributes(_ path: String) -> stat {
        var status = stat()
        lstat(path, &status)
        return status
    }

    @Test("a tar becomes an image with owners, modes, links and times")
    func importTar() async throws {
        try await withStore { store in
            let archive = TestArchive(.gzip)
                .add("bin", type: S_IFDIR, mode: 0o755)
                .add("bin/tool", mode: 0o4755, content: "program", uid: 7)
                .add("bin/same", link: "bin/tool")
                .add("link", type: S_IFLNK, link: "/etc/../bin/tool")
                .add("deep/er/file", content: "x")
                .add("null", type: S_IFCHR, mode: 0o666, device: (1, 3))
            let images = try await store.importArchive(archive.finish(), reference: "test:1")
            let image = try #require(images.first)
            #expect(image.references == ["test:1"])
            let named = try store.image("test:1")
            #expect(named.id == image.id)
            let short = try store.image(image.shortID)
            #expect(short.id == image.id)
            try look(image) { folder in
                let tool = attributes(folder + "/bin/tool")
                #expect(tool.st_mode & 0o7777 == 0o4755)
                #expect(tool.st_uid == 7)
                #expect(tool.st_nlink == 2)
                #expect(tandem_modified_seconds(tool) == 1_000_000_000)
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link")
                #expect(target == "/etc/../bin/tool")
                #expect(attributes(folder + "/null").st_rdev == 0x103)
                let text = try String(contentsOfFile: folder + "/deep/er/file", encoding: .utf8)
                #expect(text == "x")
            }
        }
    }

    @Test("whiteouts hide lower files, and opaque folders everything below them")
    func whiteouts() async throws {
        try await withStore { store in
            let archive = TestArchive()
                .add("etc/.wh.passwd")
                .add("var", type: S_IFDIR, mode: 0o755)
                .add("var/.wh..wh..opq")
                .add("own", type: S_IFDIR, mode: 0o755)
                .add(".wh.own")
            let images = try await store.importArchive(archive.finish(), reference: "test")
            try look(try #require(images.first)) { folder in
                #expect(attributes(folder + "/etc/passwd").st_mode & S_IFMT == S_IFCHR)
                #expect(attributes(folder + "/etc/passwd").st_rdev == 0)
                #expect(!FileManager.default.fileExists(atPath: folder + "/etc/.wh.passwd"))
                // What the layer brings itself stays, and nothing lower shows through.
                #expect(attributes(folder + "/own").st_mode & S_IFMT == S_IFDIR)
            }
        }
    }

    @Test(
        "no member gets out",
        arguments: [
            "../escape", "a/../../escape", "/../escape",
        ])
    func climbing(_ name: String) async throws {
        try await withStore { store in
            let archive = TestArchive().add(name, content: "x")
            await #expect(throws: EngineError.self) {
                try await store.importArchive(archive.finish(), reference: "test")
            }
            #expect(store.images.isEmpty)
        }
    }

    @Test("absolute names and links that leave stay inside")
    func links() async throws {
        let outside = "/tmp/tandem-outside-\(getpid())"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: outside) }
        try await withStore { store in
            let archive = TestArchive()
                .add("/absolute", content: "x")
                .add("door", type: S_IFLNK, link: outside)
                .add("door/file", content: "escaped")
                .add("up", type: S_IFLNK, link: "../../../../../../tmp")
                .add("up/tandem-up", content: "escaped")
            let images = try await store.importArchive(archive.finish(), reference: "test")
            let escaped = try FileManager.default.contentsOfDirectory(atPath: outside)
            #expect(escaped.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: "/tmp/tandem-up"))
            try look(try #require(images.first)) { folder in
                #expect(FileManager.default.fileExists(atPath: folder + "/absolute"))
            }
        }
    }

    @Test("hard links to outside, whiteout devices and redirecting attributes are refused or dropped")
    func refused() async throws {
        try await withStore { store in
            for archive in [
                TestArchive().add("x", link: "../../etc/passwd"), TestArchive().add("x", link: "/no/such/file"),
                TestArchive().add("x", type: S_IFCHR, device: (0, 0)),
            ] {
                await #expect(throws: EngineError.self) {
                    try await store.importArchive(archive.finish(), reference: "test")
                }
            }
            let redirecting = TestArchive().add(
                "d", type: S_IFDIR, mode: 0o755, attributes: ["trusted.overlay.redirect": "/etc", "user.note": "kept"])
            let images = try await store.importArchive(redirecting.finish(), reference: "test")
            try look(try #require(images.first)) { folder in
                var buffer = [UInt8](repeating: 0, count: 64)
                #expect(getxattr(folder + "/d", "trusted.overlay.redirect", &buffer, 64) < 0)
                #expect(getxattr(folder + "/d", "user.note", &buffer, 64) == 4)
            }
        }
    }

    @Test("rubbish, an empty file and an archive cut short change nothing")
    func damaged() async throws {
        try await withStore { store in
            let whole = TestArchive(.gzip).add("file", content: String(repeating: "content ", count: 50_000))
                .bytes()
            for content in [Data("this is no archive at all, really".utf8), Data(), whole.prefix(whole.count / 2)] {
                let file = memfd_create("test", 0)
                defer { close(file) }
                content.withUnsafeBytes { _ = write(file, $0.baseAddress, $0.count) }
                lseek(file, 0, SEEK_SET)
                let error = await #expect(throws: EngineError.self) {
                    try await store.importArchive(file, reference: "test")
                }
                #expect(error?.code == .corruptData)
            }
            #expect(store.images.isEmpty)
            #expect(Folders.names(in: root.appending("layers")).isEmpty)
        }
    }

    @Test("content that is not what its checksum says is refused, and pieces of gzip one behind the other are not")
    func checksums() async throws {
        try await withStore { store in
            func take(_ content: Data) async throws -> Image? {
                let file = memfd_create("test", 0)
                defer { close(file) }
                #expect(content.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == content.count)
                lseek(file, 0, SEEK_SET)
                return try await store.importArchive(file, reference: "test").first
            }
            let whole = TestArchive(.gzip).add("file", content: String(repeating: "content ", count: 50_003)).bytes()
            #expect(try await take(whole) != nil)
            for place in [whole.count - 8, whole.count - 5] {
                var damaged = whole
                damaged[place] ^= 1
                let error = await #expect(throws: EngineError.self) { try await take(damaged) }
                #expect(error?.code == .corruptData && error?.message.contains("checksum") == true)
            }
            let pieces = FilePath("/tmp/tandem-pieces-\(getpid())")
            try SystemProgram(
                path: "/bin/sh",
                arguments: [
                    "-ec",
                    "tar -C / -c etc/passwd bin/busybox >\(pieces).tar; { head -c 9000 | gzip; gzip; } <\(pieces).tar >\(pieces); rm \(pieces).tar",
                ]
            ).run()
            defer { unlink(pieces.string) }
            #expect(try await take(try Data(contentsOf: URL(filePath: pieces.string))) != nil)
        }
    }

    @Test("layers are shared, counted, and go with the last image that has them")
    func removal() async throws {
        try await withStore { store in
            let content = { TestArchive().add("file", content: "same").finish() }
            let first = try await store.importArchive(content(), reference: "a", changes: ["CMD one"])
            let second = try await store.importArchive(content(), reference: "b", changes: ["CMD two"])
            #expect(first[0].id != second[0].id)
            #expect(Folders.names(in: root.appending("layers")).count == 2)
            #expect(throws: EngineError.self) {
                try store.remove("a", force: false, users: [first[0].id: [ImageUser(name: "web", isRunning: false)]])
            }
            _ = try store.remove("a", force: false, users: [:])
            #expect(Folders.names(in: root.appending("layers")).count == 2)
            let reopened = try ImageStore(root: root)
            #expect(reopened.images.map(\.references) == [["b:latest"]])
            _ = try reopened.remove("b", force: false, users: [:])
            #expect(Folders.names(in: root.appending("layers")).isEmpty)
            #expect(Folders.names(in: root.appending("blobs/sha256")).isEmpty)
        }
    }

    @Test("an archive of docker save is loaded, and a layer that does not fit its digest is refused")
    func dockerArchive() async throws {
        try await withStore { store in
            let layer = TestArchive().add("etc/motd", content: "hello").bytes()
            func archive(_ diffID: String) -> Int32 {
                let configuration = """
                    {"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["\(diffID)"]}}
                    """
                return TestArchive()
                    .add(
                        "manifest.json",
                        content: #"[{"Config":"c.json","RepoTags":["app:1"],"Layers":["l/layer.tar"]}]"#
                    )
                    .add("c.json", content: configuration).add("l/layer.tar", content: layer).finish()
            }
            let wrong = "sha256:" + String(repeating: "0", count: 64)
            let error = await #expect(throws: EngineError.self) { try await store.loadArchive(archive(wrong)) }
            #expect(error?.code == .corruptData)
            // The refusal names the digest that would have been right.
            let message = try #require(error?.message)
            let start = try #require(message.range(of: "sha256:"))
            let right = String(message[start.lowerBound...].prefix(71))
            let images = try await store.loadArchive(archive(right))
            #expect(images.map(\.references) == [["app:1"]])
            #expect(images[0].configuration.config?.command == ["sh"])
        }
    }

    @Test("the default image is made from busybox, once")
    func defaultImage() async throws {
        try await withStore { store in
            let image = try await store.makeDefaultImage()
            #expect(image.configuration.config?.command == ["sh"])
            let again = try await store.makeDefaultImage()
            #expect(again.id == image.id)
            try look(image) { folder in
                #expect(attributes(folder + "/bin/sh").st_ino == attributes(folder + "/bin/busybox").st_ino)
                #expect(attributes(folder + "/tmp").st_mode & 0o7777 == 0o1777)
            }
        }
    }
}
