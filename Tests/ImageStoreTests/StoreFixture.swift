// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

/// A store of a test's own, and ways to look into what is in it.
///
/// Needs root, to mount layers.
struct StoreFixture {
    let root = FilePath("/tmp/tandem-images-\(UInt32.random(in: 0...UInt32.max))")
    let store: ImageStore

    init() throws { store = try ImageStore(root: root.appending("store")) }

    /// Runs a test, and sees to it that nothing is left of imports.
    static func run(_ body: (StoreFixture) async throws -> Void) async throws {
        let fixture = try StoreFixture()
        defer { try? Folders.remove(fixture.root) }
        try await body(fixture)
        #expect(Folders.names(in: fixture.root.appending("store/staging")).isEmpty)
    }

    /// Imports the tar of a root file system.
    func importArchive(_ archive: TestArchive) async throws -> Image {
        let descriptor = archive.finish()
        defer { close(descriptor) }
        return try #require(await store.importArchive(descriptor, reference: "test").first)
    }

    /// Imports what a shell script writes to a file called `archive.tar` in an empty folder.
    func importScript(_ script: String) async throws -> Image {
        let descriptor = open(try archive(script), O_RDONLY)
        defer { close(descriptor) }
        return try #require(await store.importArchive(descriptor, reference: "test").first)
    }

    /// The path of what a shell script writes to `archive.tar`.
    func archive(_ script: String) throws -> String {
        let folder = root.appending("work-\(UInt32.random(in: 0...UInt32.max))")
        try Folders.make(folder)
        try SystemProgram(path: "/bin/sh", arguments: ["-ec", "cd \(folder); \(script)"]).run()
        return folder.appending("archive.tar").string
    }

    /// Mounts an image's layers one on the other, and looks into them.
    func look<Value>(_ image: Image, _ body: (String) throws -> Value) throws -> Value {
        let folder = root.appending("look")
        var names = ["bottom"]
        for name in ["bottom", "point"] { try Folders.make(folder.appending(name)) }
        defer { for name in names { try? MountPoint.detach(folder.appending(name)) } }
        for (index, layer) in image.stack.enumerated() {
            names.append("\(index)")
            try Folders.make(folder.appending("\(index)"))
            try MountPoint.mountErofs(layer.path, on: folder.appending("\(index)"))
        }
        let top = try MountPoint.openOverlay(of: names, in: folder, by: folder.appending("point"))
        defer { close(top) }
        return try body("/proc/self/fd/\(top)")
    }

    /// Mounts the topmost layer alone, as it is for overlayfs.
    func lookAtTop<Value>(_ image: Image, _ body: (String) throws -> Value) throws -> Value {
        let point = root.appending("top")
        try Folders.make(point)
        try MountPoint.mountErofs(try #require(image.layers.last).path, on: point)
        defer { try? MountPoint.detach(point) }
        return try body(point.string)
    }

    /// Bytes that an image takes on the disk.
    func diskUse(_ image: Image) -> Int {
        image.stack.reduce(0) { $0 + status($1.path.string).st_blocks * 512 }
    }
}

func status(_ path: String) -> stat {
    var status = stat()
    lstat(path, &status)
    return status
}

func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
