// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

/// Needs root: owners, devices and capabilities are copied.
@Suite("Copying a tree")
struct TreeCopyRootTests {
    private let root = FilePath("/tmp/tandem-copy-\(UInt32.random(in: 0...UInt32.max))")
    private var source: String { root.appending("source").string }
    private var target: String { root.appending("target").string }

    private func shell(_ script: String) throws {
        try SystemProgram(path: "/bin/sh", arguments: ["-ec", script]).run()
    }

    private func copy(after script: String) throws {
        try shell("mkdir -p \(source) \(target); cd \(source); \(script)")
        let from = open(source, O_RDONLY | O_DIRECTORY)
        let to = open(target, O_RDONLY | O_DIRECTORY)
        defer {
            close(from)
            close(to)
        }
        try TreeCopy.copy(from: from, to: to)
    }

    private func status(_ name: String) -> stat {
        var status = stat()
        lstat(target + "/" + name, &status)
        return status
    }

    @Test("content, owners, modes, times, links, devices and attributes arrive")
    func everything() throws {
        defer { try? Folders.remove(root) }
        try copy(
            after: """
                mkdir -p a/b; echo one > a/file; ln a/file a/b/same; ln -s ../../etc a/link
                chown 7:8 a/file; chmod 4751 a/file; mknod a/null c 1 3; chmod 666 a/null; mkfifo -m 640 a/pipe
                setfattr -n user.note -v kept a/b 2>/dev/null || python3 -c 'import os; os.setxattr("a/b", "user.note", b"kept")'
                python3 -c 'import os; os.setxattr("a/b/same", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))'
                touch -d @1000000000 a/file a; chmod 1750 .; chown 3:4 .; touch -d @900000000 .
                """)
        #expect(try String(contentsOfFile: target + "/a/file", encoding: .utf8) == "one\n")
        #expect(status("a/file").st_mode & 0o7777 == 0o4751)
        #expect(status("a/file").st_uid == 7 && status("a/file").st_gid == 8)
        #expect(tandem_modified_seconds(status("a/file")) == 1_000_000_000)
        #expect(tandem_modified_seconds(status("a")) == 1_000_000_000)
        #expect(status("a/file").st_ino == status("a/b/same").st_ino)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: target + "/a/link") == "../../etc")
        #expect(status("a/null").st_rdev == 0x103 && status("a/null").st_mode & 0o7777 == 0o666)
        #expect(status("a/pipe").st_mode == S_IFIFO | 0o640)
        #expect(getxattr(target + "/a/b", "user.note", nil, 0) == 4)
        #expect(getxattr(target + "/a/file", "security.capability", nil, 0) == 20)
        #expect(status(".").st_mode & 0o7777 == 0o1750 && status(".").st_uid == 3)
        #expect(tandem_modified_seconds(status(".")) == 900_000_000)
    }

    @Test("holes stay holes, and the bytes between them arrive")
    func sparse() throws {
        defer { try? Folders.remove(root) }
        try copy(after: "truncate -s 5G big; printf middle | dd of=big bs=1 seek=3000000000 conv=notrunc status=none")
        #expect(status("big").st_size == 5 << 30)
        #expect(status("big").st_blocks * 512 < 1 << 20)
        let file = open(target + "/big", O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 6)
        #expect(pread(file, &bytes, 6, 3_000_000_000) == 6)
        #expect(bytes == Array("middle".utf8))
    }

    @Test("links out of either side are not followed")
    func hostile() throws {
        defer { try? Folders.remove(root) }
        let outside = root.appending("outside").string
        try shell("mkdir -p \(outside) \(target); echo secret > \(outside)/secret; ln -s \(outside) \(target)/door")
        // The target already leads outside by a name that the source has as a folder: a refusal, and nothing outside.
        let error = #expect(throws: EngineError.self) { try copy(after: "mkdir door; echo x > door/file") }
        #expect(error?.message.contains("door") == true)
        #expect(Folders.names(in: FilePath(outside)) == ["secret"])
    }

    @Test("names need not be Unicode, and folders may lie deep")
    func names() throws {
        defer { try? Folders.remove(root) }
        try copy(
            after: """
                printf x > "$(printf 'caf\\351')"
                python3 -c 'import os
                for _ in range(1500): os.mkdir("d"); os.chdir("d")
                open("end", "w").close()'
                """)
        let folder = open(target, O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        let names = try #require(Folders.rawNames(in: folder))
        #expect(names.contains([0x63, 0x61, 0x66, 0xE9]))
        #expect(access(target + String(repeating: "/d", count: 1_500) + "/end", F_OK) == 0)
    }

    @Test("a target without room is said")
    func noSpace() throws {
        defer {
            umount2(target, Int32(MNT_DETACH))
            try? Folders.remove(root)
        }
        try shell("mkdir -p \(target); mount -t tmpfs -o size=1m none \(target)")
        let error = #expect(throws: EngineError.self) { try copy(after: "head -c 2000000 /dev/urandom > big") }
        #expect(error?.code == .resourceExhausted)
    }
}
