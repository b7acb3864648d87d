// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

@testable import MachineBackend

@Suite("What is in the files of a guest's disk")
struct Ext4ContentTests {
    private func withDisk(_ options: String, _ body: (FilePath) throws -> Void) throws {
        let folder = FilePath("/tmp/tandem-ext4-\(UInt32.random(in: 0...UInt32.max))")
        try Folders.make(folder)
        defer { try? Folders.remove(folder) }
        let script = """
            cd \(folder); mkdir -p t/upper/d t/work; printf 12345 > t/upper/five; ln t/upper/five t/upper/d/same
            head -c 100000 /dev/zero > t/upper/d/big; ln -s five t/upper/link; truncate -s 5M t/upper/hole
            truncate -s 300M disk; /sbin/mkfs.ext4 -q -F \(options) -d t disk
            """
        try SystemProgram(path: "/bin/sh", arguments: ["-ec", script]).run()
        try body(folder.appending("disk"))
    }

    @Test("files count once, links with their targets", arguments: ["", "-O ^64bit", "-b 1024", "-O ^has_journal"])
    func counts(options: String) throws {
        try withDisk(options) { disk in
            let size = try Ext4Content.size(disk)
            #expect(size == 5 + 100_000 + 4 + (5 << 20))
        }
    }

    @Test("a missing disk is empty; what is none, or leads outside of itself, is refused")
    func damaged() throws {
        let missing = try Ext4Content.size("/tmp/tandem-nosuch-disk")
        #expect(missing == 0)
        #expect(throws: EngineError.self) { try Ext4Content.size("/etc/hostname") }
        try withDisk("-b 4096") { disk in
            // The first group's table of inodes, far behind the end.
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: disk.string))
            try file.seek(toOffset: 4_096 + 8)
            try file.write(contentsOf: Data([0xFF, 0xFF, 0xFF, 0x7F]))
            try file.close()
            #expect(throws: EngineError.self) { try Ext4Content.size(disk) }
        }
    }
}
