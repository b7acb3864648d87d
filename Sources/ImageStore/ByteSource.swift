// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import TandemModel

/// Where an archive's bytes come from, from the first to the last, once.
final class ByteSource: Sendable {
    private enum Origin: Sendable {
        /// Whatever the descriptor gives until its end.
        case rest(Int32)
        /// The parts of the file that make up the archive.
        case ranges(Int32, [Range<UInt64>])
        /// A file that grows meanwhile.
        case blob(PartialBlob)
    }

    private let origin: Origin

    /// The rest of what a descriptor gives.
    ///
    /// The caller may close it at any time.
    init(descriptor: Int32) throws(EngineError) { origin = .rest(try Self.own(descriptor)) }

    /// Parts of a file.
    init(descriptor: Int32, ranges: [Range<UInt64>]) throws(EngineError) {
        origin = .ranges(try Self.own(descriptor), ranges.filter { !$0.isEmpty })
    }

    /// A blob that may still be on its way.
    init(_ blob: PartialBlob) { origin = .blob(blob) }

    private static func own(_ descriptor: Int32) throws(EngineError) -> Int32 {
        let own = tandem_duplicate_above(descriptor, 3)
        guard own >= 0 else { throw EngineError(.resourceExhausted, "no file descriptor is left for the archive") }
        return own
    }

    deinit {
        switch origin {
        case .rest(let descriptor), .ranges(let descriptor, _): close(descriptor)
        case .blob: break
        }
    }

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
        switch origin {
        case .rest(let descriptor): return Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        case .blob(let blob): return blob.read(buffer, at: position)
        case .ranges(let descriptor, let ranges):
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
}
