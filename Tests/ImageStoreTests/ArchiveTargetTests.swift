// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ImageStore

/// Archives that are given up half-way.
@Suite("Archives given up")
struct ArchiveTargetTests {
    @Test("an archive that is given up writes nothing into a file that got its descriptor's number")
    func abandoned() throws {
        let first = memfd_create("first", 0)
        var compressed: CompressedWriter? = try CompressedWriter(first)
        var tar: TarWriter? = try TarWriter(descriptor: first, time: 0)
        try [UInt8](repeating: 7, count: 5_000).withUnsafeBytes { bytes in try compressed?.write(bytes) }
        try tar?.addFile("file", content: [1, 2, 3])
        let second = memfd_create("second", 0)
        defer { close(second) }
        // Now the first one's number is the second file's.
        #expect(dup2(second, first) == first)
        defer { close(first) }
        compressed = nil
        tar = nil
        #expect(lseek(second, 0, SEEK_END) == 0)
    }
}
