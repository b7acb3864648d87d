// SPDX-License-Identifier: Apache-2.0

import TandemModel

extension ErofsFile {
    /// Where the content of a regular file lies.
    struct Content {
        var size: UInt64
        var firstBlock: UInt32 = 0
        /// Bytes that lie behind the inode instead of in blocks.
        var tail = 0
        /// Length of the attributes between the inode and that tail.
        var attributes = 0
        /// Whether it has holes.
        var isSparse = false
    }

    /// The parts of this file in which such content lies; `number` is that of its inode.
    static func ranges(of content: Content, number: UInt64) -> [Range<UInt64>] {
        let blocks = content.size - UInt64(content.tail)
        let start = position(of: content.firstBlock)
        let tail =
            number * UInt64(ErofsFormat.slotSize) + UInt64(ErofsFormat.inodeSize) + UInt64(content.attributes)
        return [start..<(start + blocks), tail..<(tail + UInt64(content.tail))]
    }

    /// A regular file whose content is coming in.
    struct OpenFile {
        fileprivate(set) var content: Content
        fileprivate var tail: [UInt8] = []
        /// Of a file with holes: 2^n blocks make a chunk.
        fileprivate var chunkBits: UInt32 = 0
        /// Of a file with holes: the first block of each chunk, all bits set for one without content.
        fileprivate var chunks: [UInt32] = []

        fileprivate var chunkSize: UInt64 { UInt64(ErofsFormat.blockSize) << UInt64(chunkBits) }
    }

    private static let noBlock = UInt32.max

    /// Begins a file without holes; `attributes` is the length of the encoded attributes.
    func openFile(size: UInt64, attributes: Int) throws(EngineError) -> OpenFile {
        let blockSize = UInt64(ErofsFormat.blockSize)
        var file = OpenFile(content: Content(size: size, attributes: attributes))
        let rest = Int(size % blockSize)
        if ErofsFormat.inodeSize + attributes + rest <= ErofsFormat.blockSize { file.content.tail = rest }
        file.tail = [UInt8](repeating: 0, count: file.content.tail)
        file.content.firstBlock = try allocate(
            blocks: (size - UInt64(file.content.tail)) / blockSize + (rest > file.content.tail ? 1 : 0))
        return file
    }

    /// Begins a file that has content only in some places.
    func openFile(size: UInt64, data: [Range<UInt64>]) throws(EngineError) -> OpenFile {
        var file = OpenFile(content: Content(size: size, isSparse: true))
        // Small chunks waste little, large ones make short lists.
        while file.chunkBits < 8, size / file.chunkSize > 1 << 16 { file.chunkBits += 1 }
        let count = size / file.chunkSize + (size % file.chunkSize == 0 ? 0 : 1)
        guard count <= 1 << 24 else {
            throw EngineError(
                .unsupported, "a file with holes of \(size) bytes is larger than 16 TiB, which none may be")
        }
        file.chunks = [UInt32](repeating: Self.noBlock, count: Int(count))
        for range in data where !range.isEmpty && range.lowerBound < size {
            let last = (min(range.upperBound, size) - 1) / file.chunkSize
            for index in Int(range.lowerBound / file.chunkSize)...Int(last) where file.chunks[index] == Self.noBlock {
                file.chunks[index] = try allocate(blocks: 1 << UInt64(file.chunkBits))
            }
        }
        noteChunks()
        return file
    }

    /// Takes in a piece of content.
    ///
    /// - Throws: `.corruptData` for one outside of the file, or in one of its holes.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, of file: inout OpenFile) throws(EngineError) {
        guard offset <= file.content.size, UInt64(bytes.count) <= file.content.size - offset else {
            throw EngineError(.corruptData, "the archive has a file with more content than it says")
        }
        if file.content.isSparse { return try writeChunks(bytes, at: offset, of: file) }
        let inBlocks = file.content.size - UInt64(file.content.tail)
        let count = Int(min(UInt64(bytes.count), inBlocks - min(offset, inBlocks)))
        if count > 0 {
            let position = Self.position(of: file.content.firstBlock) + offset
            try write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: position)
        }
        guard count < bytes.count else { return }
        let place = Int(offset + UInt64(count) - inBlocks)
        file.tail.withUnsafeMutableBytes { tail in
            UnsafeMutableRawBufferPointer(rebasing: tail[place...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[count...]))
        }
    }

    private func writeChunks(
        _ bytes: UnsafeRawBufferPointer, at start: UInt64, of file: OpenFile
    ) throws(EngineError) {
        var rest = bytes[...]
        var offset = start
        while !rest.isEmpty {
            let block = file.chunks[Int(offset / file.chunkSize)]
            guard block != Self.noBlock else {
                throw EngineError(.corruptData, "the archive has a file with content where it says that there is none")
            }
            let inside = offset % file.chunkSize
            let count = Int(min(UInt64(rest.count), file.chunkSize - inside))
            try write(UnsafeRawBufferPointer(rebasing: rest.prefix(count)), at: Self.position(of: block) + inside)
            rest = rest.dropFirst(count)
            offset += UInt64(count)
        }
    }

    /// Writes the inode of a file whose content is complete.
    ///
    /// - Returns: The inode's number.
    func close(_ file: OpenFile, _ description: ErofsFormat.Inode) throws(EngineError) -> UInt64 {
        var inode = description
        inode.size = file.content.size
        inode.number = UInt32(truncatingIfNeeded: inodes + 2)
        guard file.content.isSparse else {
            inode.layout = file.content.tail > 0 ? .inline : .plain
            inode.detail = file.content.firstBlock
            return try writeInode(inode.encoded() + file.tail)
        }
        inode.layout = .chunks
        inode.detail = file.chunkBits
        var bytes = inode.encoded()
        bytes.reserveCapacity(bytes.count + 4 * file.chunks.count)
        for block in file.chunks { withUnsafeBytes(of: block.littleEndian) { bytes.append(contentsOf: $0) } }
        return try writeInode(bytes)
    }

    /// Writes an inode with what lies behind it.
    ///
    /// - Returns: Its number.
    func writeInode(_ bytes: [UInt8]) throws(EngineError) -> UInt64 {
        let position = try placeInode(byteCount: bytes.count)
        try write(bytes, at: position)
        return position / UInt64(ErofsFormat.slotSize)
    }
}
