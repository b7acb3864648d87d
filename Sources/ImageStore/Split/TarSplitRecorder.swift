// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage
import TandemModel

/// Writes the record of a tar that passes by, see `TarSplit`.
///
/// All calls block.
final class TarSplitRecorder {
    let path: FilePath
    private let descriptor: Int32
    private let frame: CompressedWriter
    private var splitter = TarSplitter()
    private var frameLength: UInt64 = 0
    /// Contents in the order of the tar: the header that they belong to, and the bytes of the frame before them.
    private var contents: [(header: UInt64, frame: UInt64, length: UInt64)] = []
    private var places: [UInt64: [Range<UInt64>]] = [:]
    private var problem: EngineError?

    init(_ path: FilePath) throws(EngineError) {
        self.path = path
        descriptor = path.withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw LayerBuilder.failure("'\(path)' cannot be made") }
        lseek(descriptor, Int(TarSplit.headerSize), SEEK_SET)
        do throws(EngineError) {
            frame = try CompressedWriter(descriptor)
        } catch {
            // What was not made whole has no `deinit`.
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Takes in the next bytes of the tar.
    func consume(_ bytes: UnsafeRawBufferPointer) {
        guard problem == nil else { return }
        var offset = 0
        var splitter = splitter
        splitter.consume(bytes) { part in
            switch part {
            case .frame(let count):
                write(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)]))
                offset += count
            case .content(let header, let count):
                offset += count
                if let last = contents.last, last.header == header {
                    contents[contents.count - 1].length += UInt64(count)
                } else {
                    contents.append((header, frameLength, UInt64(count)))
                    frameLength = 0
                }
            }
        }
        self.splitter = splitter
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        do throws(EngineError) {
            try frame.write(bytes)
            frameLength += UInt64(bytes.count)
        } catch {
            problem = error
        }
    }

    /// Says where the content of the member whose first header lies at `header` has been put.
    func place(_ header: UInt64, _ ranges: [Range<UInt64>]) { places[header] = ranges.filter { !$0.isEmpty } }

    /// Completes the record.
    ///
    /// - Returns: Whether there is one: a tar that libarchive reads otherwise than tar(5) describes cannot be recorded.
    func finish(plainSize: UInt64) throws(EngineError) -> Bool {
        if let problem { throw problem }
        try frame.finish()
        var pieces: [TarSplit.Piece] = []
        for content in contents {
            guard let ranges = places[content.header],
                ranges.reduce(0, { $0 + UInt64($1.count) }) == content.length
            else { return false }
            for (index, range) in ranges.enumerated() {
                pieces.append(
                    TarSplit.Piece(
                        frame: index == 0 ? content.frame : 0, position: range.lowerBound, length: UInt64(range.count)))
            }
        }
        pieces.append(TarSplit.Piece(frame: frameLength, position: 0, length: 0))
        let start = lseek(descriptor, 0, SEEK_END)
        let list = try CompressedWriter(descriptor)
        try pieces.flatMap(\.encoded).withUnsafeBytesThrowing { (bytes) throws(EngineError) in try list.write(bytes) }
        try list.finish()
        let header =
            TarSplit.magic
            + [plainSize, UInt64(start)].flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
        guard pwrite(descriptor, header, header.count, 0) == header.count, fsync(descriptor) == 0 else {
            throw LayerBuilder.failure("'\(path)' cannot be written")
        }
        return true
    }
}
