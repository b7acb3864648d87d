// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Glibc
import LaunchProtocol
import Testing

@testable import Engine

/// What `docker diff` shows, from a list of a writable layer and a folder in the place of the image.
@Suite("Changes of a writable layer")
struct LayerChangesTests {
    private let folder = "/tmp/tandem-changes-\(UInt32.random(in: 0...UInt32.max))"

    /// Compares with an image that has `etc/passwd`, `etc/hosts`, `data/a`, `data/sub/b` and the link `link`.
    private func changes(_ entries: [LayerEntry]) throws -> Set<String> {
        let files = FileManager.default
        defer { try? files.removeItem(atPath: folder) }
        for path in ["etc", "data/sub"] {
            try files.createDirectory(atPath: folder + "/" + path, withIntermediateDirectories: true)
        }
        for path in ["etc/passwd", "etc/hosts", "data/a", "data/sub/b"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/" + path))
        }
        try files.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "data")
        let image = open(folder, O_RDONLY | O_DIRECTORY)
        defer { close(image) }
        var plan = LaunchPlan()
        plan.files = [FileContent(path: Bytes("/etc/hosts".utf8), mode: 0o644, content: [])]
        plan.links = [SymbolicLink(path: Bytes("/etc/mtab".utf8), target: [])]
        let present = entries.map { copied($0, from: image) }
        let found = LayerChanges.find(present, image: image, generated: .init(plan))
        return Set(found.map { "\(["C", "A", "D"][$0.kind.rawValue]) \($0.path)" })
    }

    /// An entry takes its owner and time from the image's file of that name, as a copy-up does, unless it has a size.
    private func copied(_ entry: LayerEntry, from image: Int32) -> LayerEntry {
        var entry = entry
        var status = stat()
        let name = String(decoding: entry.path, as: UTF8.self)
        entry.uid = getuid()
        entry.gid = getgid()
        guard !entry.isWhiteout, entry.size == 0, fstatat(image, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            return entry
        }
        if entry.mode & 0o7777 == 0 { entry.mode = status.st_mode }
        entry.size = UInt64(status.st_size)
        entry.seconds = tandem_modified_seconds(status)
        entry.nanoseconds = UInt32(tandem_modified_nanoseconds(status))
        return entry
    }

    private func file(_ path: String, size: UInt64 = 0) -> LayerEntry {
        var entry = LayerEntry(path: Bytes(path.utf8), mode: size == 0 ? 0o100_000 : 0o100_644)
        entry.size = size
        return entry
    }

    private func directory(_ path: String, opaque: Bool = false, redirect: String = "", mode: UInt32 = 0) -> LayerEntry
    {
        var entry = LayerEntry(path: Bytes(path.utf8), mode: 0o040_000 | mode)
        entry.isOpaque = opaque
        entry.redirect = Bytes(redirect.utf8)
        return entry
    }

    private func whiteout(_ path: String) -> LayerEntry { LayerEntry(path: Bytes(path.utf8), mode: 0o020_000) }

    @Test("a new file modifies its folder; a file that was only copied up is none")
    func files() throws {
        #expect(
            try changes([directory("etc"), file("etc/new", size: 3), file("etc/passwd"), directory("data")])
                == ["C /etc", "A /etc/new"])
        #expect(try changes([directory("etc"), file("etc/passwd", size: 9)]) == ["C /etc", "C /etc/passwd"])
    }

    @Test("a folder with other rights is modified, with all that is new in it added")
    func folders() throws {
        #expect(try changes([directory("data", mode: 0o711)]) == ["C /data"])
        #expect(
            try changes([directory("new", mode: 0o755), directory("new/in", mode: 0o755), file("new/in/f", size: 1)])
                == ["A /new", "A /new/in", "A /new/in/f"])
    }

    @Test("whiteouts delete what the image has, and nothing else")
    func whiteouts() throws {
        #expect(
            try changes([directory("etc"), whiteout("etc/passwd"), whiteout("etc/never"), whiteout("link")])
                == ["C /etc", "D /etc/passwd", "D /link"])
    }

    @Test("an opaque folder has lost what it does not have itself")
    func opaque() throws {
        #expect(
            try changes([directory("data", opaque: true), file("data/a", size: 7), file("data/z", size: 1)])
                == ["C /data", "C /data/a", "A /data/z", "D /data/sub"])
    }

    @Test("a folder in the place of a link, and a file in the place of a folder")
    func types() throws {
        #expect(
            try changes([directory("link", mode: 0o755), file("link/a", size: 1)]) == ["C /link", "A /link/a"])
        #expect(try changes([file("data", size: 4)]) == ["C /data"])
    }

    @Test("a renamed folder has all that it had before, in its new place")
    func renamed() throws {
        #expect(
            try changes([
                whiteout("data"), directory("moved", redirect: "/data", mode: 0o755), file("moved/new", size: 1),
                whiteout("moved/a"),
            ]) == ["D /data", "A /moved", "A /moved/new", "A /moved/sub", "A /moved/sub/b"])
    }

    @Test("what the engine makes in every root is not shown")
    func generated() throws {
        #expect(
            try changes([
                directory("etc"), file("etc/hosts", size: 200), file("etc/mtab", size: 12),
                directory("dev", mode: 0o755),
                directory("proc", mode: 0o755), file(".dockerenv", size: 1),
            ]).isEmpty)
    }

    @Test("sizes count a file once, and neither folders nor what is generated")
    func sizes() {
        var twice = file("one", size: 10)
        twice.inode = 5
        twice.links = 2
        var again = twice
        again.path = Bytes("two".utf8)
        var folder = directory("folder", mode: 0o755)
        folder.size = 4_096
        let generated = LayerChanges.Generated(LaunchPlan())
        #expect(
            LayerChanges.size([twice, again, folder, file("three", size: 1), whiteout("w")], generated: generated) == 11
        )
    }
}
