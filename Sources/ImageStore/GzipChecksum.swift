// SPDX-License-Identifier: Apache-2.0

import CZlib

/// The checksum at the end of a gzip file (RFC 1952), which libarchive reads over.
///
/// Of a file of several pieces, each with a checksum of its own, nothing can be told from its end alone.
struct GzipChecksum {
    private var isGzip = false
    private var isBegun = false
    private var sum: UInt = 0
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
        guard isGzip, !bytes.isEmpty else { return }
        size += UInt64(bytes.count)
        sum = crc32_z(sum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Whether the content is not what its checksum says.
    var isWrong: Bool {
        guard tail.count == 8 else { return false }
        let end = tail.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        // A length that is another one belongs to the last of several pieces.
        return UInt32(truncatingIfNeeded: end >> 32) == UInt32(truncatingIfNeeded: size)
            && UInt32(truncatingIfNeeded: end) != UInt32(truncatingIfNeeded: sum)
    }
}
