// SPDX-License-Identifier: Apache-2.0

/// The header of one member of a tar, as Go's archive/tar writes it for dockerd: ustar, with an extended header (pax)
/// before it for what ustar cannot hold.
struct TarHeader {
    var path: Bytes
    /// `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` folder, `6` pipe.
    var type: UInt8
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var size: UInt64 = 0
    var seconds: Int64
    var link: Bytes = []
    var major: UInt32 = 0
    var minor: UInt32 = 0
    /// Further records of the extended header.
    var records: [(key: Bytes, value: Bytes)] = []

    private static let blockSize = 512

    func encoded() -> Bytes {
        var extended: Bytes = []
        func add(_ key: StaticString, _ value: Bytes) { extended += Self.record(bytes(key), value) }
        if path.count > 100 || !Self.isPlain(path) { add("path", path) }
        if link.count > 100 || !Self.isPlain(link) { add("linkpath", link) }
        // Seven and eleven octal digits.
        if uid > 0x1F_FFFF { add("uid", digits(Int(uid))) }
        if gid > 0x1F_FFFF { add("gid", digits(Int(gid))) }
        if size > 0o77_777_777_777 { add("size", digits(Int(size))) }
        if seconds < 0 || seconds > 0o77_777_777_777 { add("mtime", digits(Int(seconds))) }
        for record in records { extended += Self.record(record.key, record.value) }
        guard !extended.isEmpty else { return block() }
        var header = TarHeader(
            path: bytes("PaxHeaders.0/") + (path.split(separator: 0x2F).last.map { Bytes($0.prefix(80)) } ?? []),
            type: 0x78, mode: 0, uid: 0, gid: 0, seconds: 0)
        header.path = header.path.map { $0 < 0x80 ? $0 : 0x5F }
        header.size = UInt64(extended.count)
        return header.block() + extended + Self.padding(after: UInt64(extended.count)) + block()
    }

    /// Zeroes up to the next block.
    static func padding(after length: UInt64) -> Bytes {
        Bytes(repeating: 0, count: (blockSize - Int(length % UInt64(blockSize))) % blockSize)
    }

    /// Two blocks of zeroes.
    static var end: Bytes { Bytes(repeating: 0, count: 2 * blockSize) }

    private static func isPlain(_ text: Bytes) -> Bool { text.allSatisfy { $0 < 0x80 && $0 != 0 } }

    /// `length key=value\n`, where the length counts its own digits.
    private static func record(_ key: Bytes, _ value: Bytes) -> Bytes {
        let rest = key.count + value.count + 3
        var length = rest + digits(rest).count
        if digits(length).count > digits(rest).count { length += 1 }
        return digits(length) + [0x20] + key + [0x3D] + value + [0x0A]
    }

    private func block() -> Bytes {
        var block = Bytes(repeating: 0, count: Self.blockSize)
        func put(_ value: Bytes, _ position: Int, _ length: Int) {
            for (index, byte) in value.prefix(length).enumerated() { block[position + index] = byte }
        }
        func put(_ number: UInt64, _ position: Int, _ length: Int) {
            put(Self.octal(number, length - 1), position, length)
        }
        put(path, 0, 100)
        put(UInt64(mode & 0o7777), 100, 8)
        put(uid > 0x1F_FFFF ? 0 : UInt64(uid), 108, 8)
        put(gid > 0x1F_FFFF ? 0 : UInt64(gid), 116, 8)
        put(size > 0o77_777_777_777 ? 0 : size, 124, 12)
        put(seconds < 0 || seconds > 0o77_777_777_777 ? 0 : UInt64(seconds), 136, 12)
        block[156] = type
        put(link, 157, 100)
        put(bytes("ustar"), 257, 6)
        put(bytes("00"), 263, 2)
        put(UInt64(major), 329, 8)
        put(UInt64(minor), 337, 8)
        // The sum counts its own place as blanks.
        put(Bytes(repeating: 0x20, count: 8), 148, 8)
        var sum: UInt64 = 0
        for byte in block { sum += UInt64(byte) }
        put(Self.octal(sum, 6) + [0, 0x20], 148, 8)
        return block
    }

    private static func octal(_ number: UInt64, _ length: Int) -> Bytes {
        var text = Bytes(repeating: 0x30, count: length)
        var rest = number
        for index in stride(from: length - 1, through: 0, by: -1) {
            text[index] = 0x30 + UInt8(rest & 7)
            rest >>= 3
        }
        return text
    }
}
