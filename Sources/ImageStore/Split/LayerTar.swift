// SPDX-License-Identifier: Apache-2.0

import CLinux
import Crypto
import Glibc
import SystemPackage
import TandemModel

/// The tar that a layer came as, put together from its record and its EROFS file.
///
/// All calls block.
struct LayerTar {
    /// Length of the tar.
    let size: UInt64
    private let diffID: String
    private let split: FilePath
    private let layer: FilePath
    private let pieces: UInt64

    /// Finds the record of a layer.
    ///
    /// - Throws: `.unsupported` if there is none.
    init(_ layer: Layer, split: FilePath) throws(EngineError) {
        self.split = split
        self.layer = layer.path
        diffID = layer.diffID
        let descriptor = try Self.open(split, missing: layer.diffID)
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: Int(TarSplit.headerSize))
        guard pread(descriptor, &header, header.count, 0) == header.count, header.starts(with: TarSplit.magic) else {
            throw Self.damaged(layer.diffID)
        }
        size = TarSplit.number(header[8..<16])
        pieces = TarSplit.number(header[16..<24])
    }

    private static func open(_ path: FilePath, missing diffID: String) throws(EngineError) -> Int32 {
        let descriptor = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        if descriptor < 0 && errno == ENOENT {
            throw EngineError(
                .unsupported,
                "the layer '\(diffID)' cannot be given back as it came: it was brought in without a record",
                hint: "Bring its image in again.")
        }
        guard descriptor >= 0 else { throw LayerBuilder.failure("'\(path)' cannot be opened") }
        return descriptor
    }

    private static func damaged(_ diffID: String) -> EngineError {
        EngineError(
            .corruptData, "the layer '\(diffID)' in the store is damaged",
            hint: "Remove the images that have it, and bring them in again.")
    }

    /// Gives the tar piece by piece, exactly `size` bytes, and checks its digest at the end.
    func read(_ receive: (UnsafeRawBufferPointer) throws(EngineError) -> Void) throws(EngineError) {
        let record = try Self.open(split, missing: diffID)
        defer { close(record) }
        let content = try Self.open(layer, missing: diffID)
        defer { close(content) }
        let length = UInt64(max(0, lseek(record, 0, SEEK_END)))
        guard pieces >= TarSplit.headerSize, pieces <= length else { throw Self.damaged(diffID) }
        let frame = try CompressedReader(ByteSource(descriptor: record, ranges: [TarSplit.headerSize..<pieces]))
        let list = try CompressedReader(ByteSource(descriptor: record, ranges: [pieces..<length]))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4_096)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var left = size
        func pass(_ count: Int) throws(EngineError) {
            guard UInt64(count) <= left else { throw Self.damaged(diffID) }
            left -= UInt64(count)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hash.update(bufferPointer: bytes)
            try receive(bytes)
        }
        while let piece = try Self.next(list) {
            var wanted = piece.frame
            while wanted > 0 {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[..<Int(min(wanted, UInt64(buffer.count)))])
                guard try frame.read(part) == part.count else { throw Self.damaged(diffID) }
                try pass(part.count)
                wanted -= UInt64(part.count)
            }
            var position = piece.position
            let end = piece.position &+ piece.length
            while position < end {
                let count = pread(
                    content, buffer.baseAddress, Int(min(end - position, UInt64(buffer.count))), Int(position))
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw Self.damaged(diffID) }
                try pass(count)
                position += UInt64(count)
            }
        }
        guard left == 0, "sha256:" + Decompressor.hexadecimal(hash.finalize()) == diffID else {
            throw Self.damaged(diffID)
        }
    }

    private static func next(_ list: CompressedReader) throws(EngineError) -> TarSplit.Piece? {
        var bytes = [UInt8](repeating: 0, count: TarSplit.pieceSize)
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, EngineError> in
            do throws(EngineError) { return .success(try list.read(buffer)) } catch { return .failure(error) }
        }
        guard try result.get() == bytes.count else { return nil }
        return TarSplit.Piece(
            frame: TarSplit.number(bytes[0..<8]), position: TarSplit.number(bytes[8..<16]),
            length: TarSplit.number(bytes[16..<24]))
    }
}
