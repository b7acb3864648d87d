// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel
import Testing
import VolumeStore

/// Needs root: volumes with options are mounted, and filled with files of any owner.
@Suite("Volumes in use", .serialized)
struct VolumeStoreRootTests {
    private let root = FilePath("/tmp/tandem-volumes-\(UInt32.random(in: 0...UInt32.max))")
    private let tmpfs = ["type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0711"]

    private func withStore(_ body: (VolumeStore) throws -> Void) throws {
        defer { try? Folders.remove(root) }
        try body(try VolumeStore(root: root.appending("volumes")))
        #expect(MountPoint.targets(below: root).isEmpty)
    }

    /// A folder that stands for an image's, as a descriptor.
    private func withImage(_ script: String, _ body: (Int32) throws -> Void) throws {
        let folder = root.appending("image")
        try SystemProgram(
            path: "/bin/sh", arguments: ["-ec", "rm -rf \(folder); mkdir -p \(folder); cd \(folder); \(script)"]
        ).run()
        let descriptor = open(folder.string, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        try body(descriptor)
    }

    @Test("a volume with options is mounted from its first user to its last")
    func mounted() throws {
        try withStore { store in
            let volume = try store.create(name: "cache", options: tmpfs)
            let folder = store.path(of: volume)
            #expect(!MountPoint.isMounted(folder))
            try store.acquire(["cache"], by: "one")
            try store.acquire(["cache"], by: "two")
            #expect(MountPoint.isMounted(folder))
            try store.release(by: "one")
            try store.release(by: "one")
            #expect(MountPoint.isMounted(folder))
            try store.release(by: "two")
            #expect(!MountPoint.isMounted(folder))
        }
    }

    @Test("what cannot be mounted is said in Docker's words, and the others are let go")
    func unmountable() throws {
        try withStore { store in
            _ = try store.create(name: "cache", options: tmpfs)
            _ = try store.create(
                name: "broken", options: ["type": "none", "device": "/no/such/folder", "o": "bind"])
            let error = #expect(throws: EngineError.self) { try store.acquire(["cache", "broken"], by: "web") }
            #expect(error?.message.hasPrefix("failed to mount local volume: '/no/such/folder'") == true)
        }
    }

    @Test("a read-only bind of a folder is one, and removing the volume leaves the folder alone")
    func bound() throws {
        let folder = root.appending("mine")
        try Folders.make(folder)
        try withStore { store in
            try "kept".write(toFile: folder.appending("file").string, atomically: true, encoding: .utf8)
            let volume = try store.create(
                name: "mine", options: ["type": "none", "device": folder.string, "o": "bind,ro"])
            try store.acquire(["mine"], by: "web")
            let inside = store.path(of: volume).appending("file").string
            #expect(try String(contentsOfFile: inside, encoding: .utf8) == "kept")
            #expect(open(inside, O_WRONLY) == -1 && errno == EROFS)
            // As after a crash: mounted, and nobody knows.
            let again = try VolumeStore(root: root.appending("volumes"))
            try again.remove("mine", users: [])
            #expect(try String(contentsOfFile: folder.appending("file").string, encoding: .utf8) == "kept")
        }
    }

    @Test("after a crash adopted users keep their mounts, the rest is unmounted")
    func swept() throws {
        try withStore { store in
            for name in ["used", "left"] {
                _ = try store.create(name: name, options: tmpfs)
                try store.acquire([name], by: name)
            }
            let again = try VolumeStore(root: root.appending("volumes"))
            again.adopt(["used"], by: "web")
            try again.sweep()
            #expect(MountPoint.isMounted(again.path(of: try again.volume("used"))))
            #expect(!MountPoint.isMounted(again.path(of: try again.volume("left"))))
            try again.release(by: "web")
        }
    }

    @Test("an empty volume takes over files, owner and mode; a full one stays as it is")
    func filled() throws {
        try withStore { store in
            let folder = store.path(of: try store.create(name: "data"))
            try withImage("echo first > file; chown 7:7 . file; chmod 2770 .") { try store.fill("data", from: $0) }
            var status = stat()
            #expect(stat(folder.string, &status) == 0)
            #expect(status.st_uid == 7 && status.st_mode & 0o7777 == 0o2770)
            try withImage("echo second > file; echo other > other") { try store.fill("data", from: $0) }
            #expect(Folders.names(in: folder) == ["file"])
            #expect(try String(contentsOfFile: folder.appending("file").string, encoding: .utf8) == "first\n")
        }
    }

    @Test("a filling that fails, or is cut off, leaves an empty volume")
    func halfFilled() throws {
        try withStore { store in
            let small = store.path(of: try store.create(name: "small", options: tmpfs))
            try store.acquire(["small"], by: "web")
            try withImage("mkdir a; echo x > a/x; head -c 2000000 /dev/urandom > b") { image in
                let error = #expect(throws: EngineError.self) { try store.fill("small", from: image) }
                #expect(error?.code == .resourceExhausted)
            }
            #expect(Folders.isEmpty(small))
            try store.release(by: "web")
            // What a daemon leaves that is killed while it copies: a mark with names, and some of them.
            let cut = store.path(of: try store.create(name: "cut"))
            let mark = cut.removingLastComponent().appending("filling").string
            try Data("half\0other".utf8).write(to: URL(fileURLWithPath: mark))
            try Folders.make(cut.appending("half/inner"))
            try Folders.make(cut.appending("users-own"))
            _ = try VolumeStore(root: root.appending("volumes"))
            #expect(Folders.names(in: cut) == ["users-own"])
            #expect(!FileManager.default.fileExists(atPath: mark))
        }
    }
}
