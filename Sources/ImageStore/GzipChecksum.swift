// SPDX-License-Identifier: Apache-2.0

/// The checksum at the end of a gzip file (RFC 1952), which libarchive reads over.
///
/// Of a file of several pieces, each with a checksum of its own, nothing can be told from its end alone.
struct GzipChecksum {
    /// Tables for eight bytes at a time: a byte at a time would take longer than decompressing.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
            tables[index] = value
        }
        for index in 256..<tables.count {
            tables[index] = tables[index - 256] >> 8 ^ tables[Int(tables[index - 256] & 0xFF)]
        }
        return tables
    }()

    private var isGzip = false
    private var isBegun = false
    private var sum: UInt32 = .max
    private var size: UInt64 = 0
    /// The end of what has been read.
    private var tail: [UInt8] = []

    /// Takes note of a piece of the file.
    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        if !isBegun {
            isGzip = bytes.starts(with: [0x1F, 0x8B])
            isBegun = true
        }
        if isGzip { tail = Array((tail + bytes.suffix(8)).suffix(8)) }
    }

    /// Takes note of a piece of the content.
    mutating func decompressed(_ bytes: UnsafeRawBufferPointer) {
        guard isGzip else { return }
        size += UInt64(bytes.count)
        sum = Self.tables.withUnsafeBufferPointer { tables in
            var sum = self.sum
            var index = 0
            while index + 8 <= bytes.count {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(sum)
                sum = 0
                for place in 0..<8 {
                    sum ^= tables[(7 - place) * 256 + Int(truncatingIfNeeded: word >> UInt64(8 * place) & 0xFF)]
                }
                index += 8
            }
            while index < bytes.count {
                sum = sum >> 8 ^ tables[Int((sum ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
            return sum
        }
    }

    /// Whether the content is not what its checksum says.
    var isWrong: Bool {
        guard tail.count == 8 else { return false }
        let end = tail.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        // A length that is another one belongs to the last of several pieces.
        return UInt32(truncatingIfNeeded: end >> 32) == UInt32(truncatingIfNeeded: size)
            && UInt32(truncatingIfNeeded: end) != ~sum
    }
}
