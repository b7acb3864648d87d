// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import TandemModel

/// Where an archive's bytes come from, from the first to the last, once.
final class ByteSource: Sendable {
    private let descriptor: Int32
    /// The parts of the file that make up the archive; `nil` for whatever the descriptor gives until its end.
    private let ranges: [Range<UInt64>]?

    /// The rest of what a descriptor gives.
    ///
    /// The caller may close it at any time.
    convenience init(descriptor: Int32) throws(EngineError) { try self.init(descriptor, nil) }

    /// Parts of a file.
    convenience init(descriptor: Int32, ranges: [Range<UInt64>]) throws(EngineError) {
        try self.init(descriptor, ranges.filter { !$0.isEmpty })
    }

    private init(_ descriptor: Int32, _ ranges: [Range<UInt64>]?) throws(EngineError) {
        let own = tandem_duplicate_above(descriptor, 3)
        guard own >= 0 else { throw EngineError(.resourceExhausted, "no file descriptor is left for the archive") }
        self.descriptor = own
        self.ranges = ranges
    }

    deinit { close(descriptor) }

    /// Fills a buffer as far as possible at once; `position` is 0 at first and then left to this function.
    ///
    /// - Returns: The number of bytes, 0 at the end, -1 with errno set for a failure.
    func read(_ buffer: UnsafeMutableRawBufferPointer, position: inout UInt64) -> Int {
        while true {
            let count = readOnce(buffer, position)
            if count < 0 && errno == EINTR { continue }
            if count > 0 { position += UInt64(count) }
            return count
        }
    }

    private func readOnce(_ buffer: UnsafeMutableRawBufferPointer, _ position: UInt64) -> Int {
        guard let ranges else { return Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
        var passed: UInt64 = 0
        for range in ranges {
            let length = range.upperBound - range.lowerBound
            if position < passed + length {
                let inside = position - passed
                let count = Int(min(UInt64(buffer.count), length - inside))
                return pread(descriptor, buffer.baseAddress, count, Int(range.lowerBound + inside))
            }
            passed += length
        }
        return 0
    }
}
