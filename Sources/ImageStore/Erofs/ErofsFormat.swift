// SPDX-License-Identifier: Apache-2.0

/// The parts of EROFS's format that layers need (fs/erofs/erofs_fs.h of Linux): uncompressed, with blocks of 4 KiB.
enum ErofsFormat {
    static let blockSize = 4_096
    /// Inodes lie at multiples of it, by which they are numbered.
    static let slotSize = 32
    static let superblockOffset = 1_024
    /// The root's inode follows the superblock, since the superblock has only 16 bits for its number.
    static let rootOffset = superblockOffset + 128
    static let rootNumber = UInt64(rootOffset / slotSize)
    static let inodeSize = 64
    static let longestName = 255
    /// The place of the count of links in an inode.
    static let linksOffset = 44

    /// How an inode's content lies.
    enum Layout: UInt16 {
        /// In blocks of its own.
        case plain = 0
        /// Full blocks of its own, and the rest right behind the inode.
        case inline = 2
        /// In chunks, of which those without content take no room.
        case chunks = 4
    }

    /// Describes the whole file system.
    struct Superblock {
        var uuid: [UInt8]
        var inodes: UInt64
        var blocks: UInt32
        var hasChunks: Bool

        func encoded() -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.append(integer: UInt32(0xE0F5_E1E2))
            bytes.append(integer: UInt32(0))  // the checksum
            bytes.append(integer: UInt32(0x3))  // it has a checksum, and times of modification
            bytes.append(12)  // blocks of 2^12 bytes
            bytes.append(0)
            bytes.append(integer: UInt16(ErofsFormat.rootNumber))
            bytes.append(integer: inodes)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: 12))  // every inode has a time of its own
            bytes.append(integer: blocks)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: 8))  // inodes are numbered from block 0
            bytes.append(contentsOf: uuid)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: 16))
            bytes.append(integer: UInt32(hasChunks ? 0x4 : 0))
            bytes.append(contentsOf: [UInt8](repeating: 0, count: 128 - bytes.count))
            return bytes
        }
    }

    /// One inode, in the long form.
    struct Inode {
        var layout = Layout.plain
        var mode: UInt32
        var size: UInt64 = 0
        /// First block, device number, or the form of the chunks.
        var detail: UInt32 = 0
        var number: UInt32 = 0
        var owner: UInt32
        var group: UInt32
        var seconds: Int64
        var nanoseconds: UInt32
        var links: UInt32
        /// As `encode(attributes:)` makes them.
        var attributes: [UInt8]

        func encoded() -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(ErofsFormat.inodeSize + attributes.count)
            bytes.append(integer: UInt16(1) | layout.rawValue << 1)
            bytes.append(integer: UInt16(attributes.isEmpty ? 0 : 1 + (attributes.count - 12) / 4))
            bytes.append(integer: UInt16(truncatingIfNeeded: mode))
            bytes.append(integer: UInt16(0))
            bytes.append(integer: size)
            bytes.append(integer: detail)
            bytes.append(integer: number)
            bytes.append(integer: owner)
            bytes.append(integer: group)
            bytes.append(integer: seconds)
            bytes.append(integer: nanoseconds)
            bytes.append(integer: links)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: 16))
            bytes.append(contentsOf: attributes)
            return bytes
        }
    }

    // MARK: Extended attributes

    /// What stands for the beginning of an attribute's name.
    private static let prefixes: [(number: UInt8, text: String)] = [
        (2, "system.posix_acl_access"), (3, "system.posix_acl_default"), (1, "user."), (4, "trusted."),
        (6, "security."),
    ]

    /// The attributes behind an inode; nothing if there are none.
    ///
    /// - Returns: `nil` if they are more or longer than the format holds.
    static func encode(attributes: [[UInt8]: [UInt8]]) -> [UInt8]? {
        guard !attributes.isEmpty else { return [] }
        var bytes = [UInt8](repeating: 0, count: 12)
        for (name, value) in attributes.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            guard let prefix = prefixes.first(where: { name.starts(with: $0.text.utf8) }) else { return nil }
            let rest = name.dropFirst(prefix.text.utf8.count)
            guard rest.count <= 255, value.count <= 0xFFFF else { return nil }
            bytes.append(UInt8(rest.count))
            bytes.append(prefix.number)
            bytes.append(integer: UInt16(value.count))
            bytes.append(contentsOf: rest)
            bytes.append(contentsOf: value)
            while bytes.count % 4 != 0 { bytes.append(0) }
        }
        return bytes.count / 4 < 0xFFFF ? bytes : nil
    }

    // MARK: Folders

    /// One name in a folder.
    struct FolderEntry {
        var name: [UInt8]
        var number: UInt64
        /// Type bits of the mode.
        var type: UInt32
    }

    /// How many bytes a folder takes; its names are sorted.
    static func folderSize(of names: [[UInt8]]) -> Int {
        var full = 0
        var used = 0
        for name in names {
            let size = 12 + name.count
            if used + size > blockSize {
                full += blockSize
                used = 0
            }
            used += size
        }
        return full + used
    }

    /// The content of a folder; its entries are sorted by their names' bytes.
    static func encode(folder entries: [FolderEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        var first = 0
        while first < entries.count {
            var end = first
            var used = 0
            while end < entries.count, used + 12 + entries[end].name.count <= blockSize {
                used += 12 + entries[end].name.count
                end += 1
            }
            var nameOffset = 12 * (end - first)
            for entry in entries[first..<end] {
                bytes.append(integer: entry.number)
                bytes.append(integer: UInt16(nameOffset))
                bytes.append(fileType(entry.type))
                bytes.append(0)
                nameOffset += entry.name.count
            }
            for entry in entries[first..<end] { bytes.append(contentsOf: entry.name) }
            if end < entries.count {
                bytes.append(contentsOf: [UInt8](repeating: 0, count: blockSize - used))
            }
            first = end
        }
        return bytes
    }

    private static func fileType(_ mode: UInt32) -> UInt8 {
        switch mode & 0o170_000 {
        case 0o100_000: 1
        case 0o040_000: 2
        case 0o020_000: 3
        case 0o060_000: 4
        case 0o010_000: 5
        case 0o140_000: 6
        case 0o120_000: 7
        default: 0
        }
    }

    // MARK: Numbers

    /// `new_encode_dev` of Linux.
    static func device(major: UInt32, minor: UInt32) -> UInt32 { minor & 0xFF | major << 8 | (minor & ~0xFF) << 12 }

    /// CRC-32C without the final inversion, as the kernel's `crc32c(~0, …)`.
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value = ~UInt32(0)
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : 0x82F6_3B78) }
        }
        return value
    }
}

extension [UInt8] {
    /// Appends a number, lowest byte first.
    fileprivate mutating func append(integer value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
