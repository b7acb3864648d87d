// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage
import TandemModel

/// How much is in the files of a guest's disk, read from its tables of inodes (Documentation/filesystems/ext4).
///
/// A guest may have written anything there. It is never mounted, and no path of it is followed: numbers are added up, each
/// read within the bounds of the file.
struct Ext4Content {
    /// Lengths of all files and links, each once however many names it has.
    private(set) var bytes: UInt64 = 0

    private let descriptor: Int32
    private let blockSize: UInt64
    private let length: UInt64

    /// What the disk says about itself.
    private struct Layout {
        var inodes: UInt64
        var inodesPerGroup: UInt64
        var inodeSize: UInt64
        var firstInode: UInt64
        var descriptorSize: UInt64
        var firstDescriptor: UInt64
    }

    /// Opens a disk and counts.
    ///
    /// Blocks. A missing disk has nothing in it.
    ///
    /// - Throws: `.corruptData` for something else than an ext4 file system.
    static func size(_ disk: FilePath) throws(EngineError) -> UInt64 {
        let descriptor = disk.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        if descriptor < 0 && errno == ENOENT { return 0 }
        guard descriptor >= 0 else {
            throw EngineError(.internal, "the disk '\(disk)' cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        guard var content = Ext4Content(descriptor), content.count() else {
            throw EngineError(.corruptData, "the disk '\(disk)' has no file system that can be read")
        }
        return content.bytes
    }

    private let layout: Layout

    private init?(_ descriptor: Int32) {
        self.descriptor = descriptor
        length = UInt64(max(0, lseek(descriptor, 0, SEEK_END)))
        guard let block = Self.read(descriptor, 1_024, 1_024), Self.number(block, 56, 2) == 0xEF53 else { return nil }
        let shift = Self.number(block, 24, 4)
        let (inodes, perGroup) = (Self.number(block, 0, 4), Self.number(block, 40, 4))
        let inodeSize = Self.number(block, 88, 2)
        guard shift <= 6, perGroup > 0, perGroup <= 1 << 19, inodeSize >= 128, inodeSize <= 4_096 else { return nil }
        blockSize = 1_024 << shift
        // Feature 64BIT makes descriptors longer.
        let is64Bit = Self.number(block, 96, 4) & 0x80 != 0
        let descriptorSize = is64Bit ? Self.number(block, 254, 2) : 32
        guard (32...1_024).contains(descriptorSize) else { return nil }
        layout = Layout(
            inodes: inodes, inodesPerGroup: perGroup, inodeSize: inodeSize,
            firstInode: Self.number(block, 84, 4), descriptorSize: descriptorSize,
            firstDescriptor: (Self.number(block, 20, 4) + 1) * blockSize)
    }

    private mutating func count() -> Bool {
        let groups = (layout.inodes + layout.inodesPerGroup - 1) / layout.inodesPerGroup
        for group in 0..<groups {
            let position = layout.firstDescriptor + group * layout.descriptorSize
            guard let description = Self.read(descriptor, position, Int(layout.descriptorSize)) else { return false }
            // INODE_UNINIT: none of the group's inodes is used.
            if Self.number(description, 18, 2) & 1 != 0 { continue }
            var (bitmap, table) = (Self.number(description, 4, 4), Self.number(description, 8, 4))
            if layout.descriptorSize >= 64 {
                bitmap |= Self.number(description, 36, 4) << 32
                table |= Self.number(description, 40, 4) << 32
            }
            guard count(group, bitmap: bitmap, table: table) else { return false }
        }
        return true
    }

    private mutating func count(_ group: UInt64, bitmap: UInt64, table: UInt64) -> Bool {
        guard bitmap < length / blockSize, table < length / blockSize,
            let used = Self.read(descriptor, bitmap * blockSize, Int((layout.inodesPerGroup + 7) / 8))
        else { return false }
        var index: UInt64 = 0
        while index < layout.inodesPerGroup {
            // Tables are read in pieces, and only where something is used.
            let end = min(index + 64, layout.inodesPerGroup)
            defer { index = end }
            let wanted = (index..<end).filter { used[Int($0 / 8)] >> UInt8($0 % 8) & 1 == 1 }
            guard !wanted.isEmpty else { continue }
            let start = table * blockSize + index * layout.inodeSize
            guard let piece = Self.read(descriptor, start, Int((end - index) * layout.inodeSize)) else { return false }
            for inode in wanted where group * layout.inodesPerGroup + inode + 1 >= layout.firstInode {
                add(piece, Int((inode - index) * layout.inodeSize))
            }
        }
        return true
    }

    private mutating func add(_ table: [UInt8], _ offset: Int) {
        let type = Self.number(table, offset, 2) & 0xF000
        // One without a name is a file that was open when it was removed.
        guard type == 0x8000 || type == 0xA000, Self.number(table, offset + 26, 2) > 0 else { return }
        let size = Self.number(table, offset + 4, 4) | Self.number(table, offset + 108, 4) << 32
        // Longer than the disk's own number of blocks allows only with holes; what overflows is no size at all.
        let (sum, overflows) = bytes.addingReportingOverflow(size)
        if !overflows { bytes = sum }
    }

    private static func read(_ descriptor: Int32, _ position: UInt64, _ count: Int) -> [UInt8]? {
        guard let offset = Int(exactly: position) else { return nil }
        var buffer = [UInt8](repeating: 0, count: count)
        guard pread(descriptor, &buffer, count, offset) == count else { return nil }
        return buffer
    }

    /// A number of some bytes, lowest first.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
