// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage
import TandemModel

/// An EROFS file that is written while its content comes in, each byte once and nearly in order.
///
/// Blocks and places for inodes are given out in turn; nothing that was written is moved. All calls block.
final class ErofsFile {
    let path: FilePath
    private let descriptor: Int32
    private var nextBlock: UInt32 = 1
    private(set) var inodes: UInt64 = 0
    private(set) var hasChunks = false

    /// Content that has not reached the file yet, and where it belongs.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4_096)
    private var buffered = 0
    private var bufferPosition: UInt64 = 0

    /// Blocks of inodes by the number of slots that are free at their ends.
    private var openBlocks = [[UInt32]](repeating: [], count: ErofsFormat.blockSize / ErofsFormat.slotSize + 1)
    /// Blocks that are set aside for inodes, so that files lie in long runs.
    private var reserve: Range<UInt32> = 0..<0
    private var reserveSize: UInt32 = 1

    init(_ path: FilePath) throws(EngineError) {
        self.path = path
        descriptor = path.withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw LayerBuilder.failure("'\(path)' cannot be made") }
    }

    deinit {
        Glibc.close(descriptor)
        buffer.deallocate()
    }

    // MARK: Blocks and bytes

    /// The first of so many new blocks.
    func allocate(blocks count: UInt64) throws(EngineError) -> UInt32 {
        let first = nextBlock
        guard count < UInt64(UInt32.max - first) else {
            throw EngineError(.unsupported, "the layer is larger than 16 TiB, which no layer may be")
        }
        nextBlock += UInt32(count)
        return first
    }

    /// Appends to what came before if it lies right behind it.
    func write(_ bytes: UnsafeRawBufferPointer, at position: UInt64) throws(EngineError) {
        if position != bufferPosition + UInt64(buffered) || buffered + bytes.count > buffer.count {
            try flush()
            bufferPosition = position
        }
        guard bytes.count <= buffer.count else {
            try writeThrough(bytes, at: position)
            bufferPosition = position + UInt64(bytes.count)
            return
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[buffered...]).copyMemory(from: bytes)
        buffered += bytes.count
    }

    func write(_ bytes: [UInt8], at position: UInt64) throws(EngineError) {
        let result = bytes.withUnsafeBytes { bytes -> Result<Void, EngineError> in
            do throws(EngineError) {
                return .success(try writeThrough(bytes, at: position))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    func flush() throws(EngineError) {
        guard buffered > 0 else { return }
        try writeThrough(UnsafeRawBufferPointer(rebasing: buffer[..<buffered]), at: bufferPosition)
        bufferPosition += UInt64(buffered)
        buffered = 0
    }

    private func writeThrough(_ bytes: UnsafeRawBufferPointer, at position: UInt64) throws(EngineError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, Int(position) + done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw LayerBuilder.failure("the layer cannot be written") }
            done += count
        }
    }

    /// Reads back what was written, in parts.
    func source(of ranges: [Range<UInt64>]) throws(EngineError) -> ByteSource {
        try ByteSource(descriptor: descriptor, ranges: ranges)
    }

    // MARK: Inodes

    /// A place for an inode of so many bytes, in one block if it fits one.
    ///
    /// - Returns: Its position, by which it is numbered.
    func placeInode(byteCount: Int) throws(EngineError) -> UInt64 {
        inodes += 1
        let perBlock = ErofsFormat.blockSize / ErofsFormat.slotSize
        let slots = (byteCount + ErofsFormat.slotSize - 1) / ErofsFormat.slotSize
        if slots <= perBlock {
            let free = (slots...perBlock).first { !openBlocks[$0].isEmpty }
            if let free, let block = openBlocks[free].popLast() {
                keep(block, free: free - slots)
                return Self.position(of: block) + UInt64((perBlock - free) * ErofsFormat.slotSize)
            }
            let block = try reservedBlock()
            keep(block, free: perBlock - slots)
            return Self.position(of: block)
        }
        let blocks = (slots + perBlock - 1) / perBlock
        let first = try allocate(blocks: UInt64(blocks))
        keep(first + UInt32(blocks) - 1, free: blocks * perBlock - slots)
        return Self.position(of: first)
    }

    private func keep(_ block: UInt32, free: Int) {
        // Less does not hold any inode.
        if free * ErofsFormat.slotSize >= ErofsFormat.inodeSize { openBlocks[free].append(block) }
    }

    private func reservedBlock() throws(EngineError) -> UInt32 {
        if reserve.isEmpty {
            let first = try allocate(blocks: UInt64(reserveSize))
            reserve = first..<(first + reserveSize)
            reserveSize = min(64, reserveSize * 2)
        }
        return reserve.removeFirst()
    }

    static func position(of block: UInt32) -> UInt64 { UInt64(block) * UInt64(ErofsFormat.blockSize) }

    func noteChunks() { hasChunks = true }

    // MARK: The end

    /// Writes the superblock with the root's inode behind it, and syncs everything to disk if it has to last.
    func finish(uuid: [UInt8], root: [UInt8], lasts: Bool = true) throws(EngineError) {
        try flush()
        let superblock = ErofsFormat.Superblock(
            uuid: uuid, inodes: inodes + 1, blocks: nextBlock, hasChunks: hasChunks)
        var block = [UInt8](repeating: 0, count: ErofsFormat.superblockOffset) + superblock.encoded() + root
        block += [UInt8](repeating: 0, count: ErofsFormat.blockSize - block.count)
        let checksum = ErofsFormat.checksum(block[ErofsFormat.superblockOffset...])
        withUnsafeBytes(of: checksum.littleEndian) { bytes in
            for (index, byte) in bytes.enumerated() { block[ErofsFormat.superblockOffset + 4 + index] = byte }
        }
        try write(block, at: 0)
        guard ftruncate(descriptor, Int(Self.position(of: nextBlock))) == 0, !lasts || fsync(descriptor) == 0 else {
            throw LayerBuilder.failure("the layer cannot be stored")
        }
    }
}

extension Range<UInt32> {
    fileprivate mutating func removeFirst() -> UInt32 {
        defer { self = (lowerBound + 1)..<upperBound }
        return lowerBound
    }
}
