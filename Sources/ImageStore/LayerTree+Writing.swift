// SPDX-License-Identifier: Apache-2.0

import TandemModel

extension LayerTree {
    /// A folder whose inode has a place, and whose content is still to be written.
    private struct PlacedFolder {
        var index: Int
        var names: [Name]
        var size: Int
        var inline: Int
        var attributes: [UInt8]
        /// Where the inode lies; the root's is written last.
        var position: UInt64
    }

    /// Writes everything but the content of files, which is there already, and closes the file.
    ///
    /// `lasts` says whether it has to outlive a crash.
    mutating func write(to file: ErofsFile, uuid: [UInt8], lasts: Bool = true) throws(EngineError) {
        var placed: [PlacedFolder] = []
        var pending = [Self.root]
        // What was replaced on the way is not reached.
        while let index = pending.popLast() {
            placed.append(try place(index, in: file))
            for name in placed[placed.count - 1].names {
                guard let node = folders[index].children[name] else { continue }
                if case .folder(let inner) = nodes[node].content {
                    pending.append(inner)
                } else {
                    try writeLeaf(node, to: file)
                }
            }
        }
        var root: [UInt8] = []
        for folder in placed {
            let bytes = try write(folder, to: file)
            if folder.index == Self.root { root = bytes }
        }
        try file.finish(uuid: uuid, root: root, lasts: lasts)
    }

    /// Files are written already; only the number of their names was not known then.
    private mutating func writeLeaf(_ index: Int, to file: ErofsFile) throws(EngineError) {
        let node = nodes[index]
        switch node.content {
        case .folder: return
        case .file:
            guard node.links != 1 else { return }
            let position = node.number * UInt64(ErofsFormat.slotSize) + UInt64(ErofsFormat.linksOffset)
            try file.write(withUnsafeBytes(of: node.links.littleEndian) { Array($0) }, at: position)
        case .link(let target) where node.number == 0:
            let attributes = try Self.encodedAttributes(of: node, path: target)
            var open = try file.openFile(size: UInt64(target.count), attributes: attributes.count)
            try target.withUnsafeBytesThrowing { (bytes) throws(EngineError) in try file.write(bytes, at: 0, of: &open)
            }
            nodes[index].number = try file.close(open, Self.inode(of: node, attributes: attributes))
        case .device(let number) where node.number == 0:
            var inode = Self.inode(of: node, attributes: try Self.encodedAttributes(of: node, path: []))
            inode.detail = number
            nodes[index].number = try file.writeInode(inode.encoded())
        case .link, .device: return
        }
    }

    private mutating func place(_ index: Int, in file: ErofsFile) throws(EngineError) -> PlacedFolder {
        let names = (folders[index].children.keys + [Name(".".utf8), Name("..".utf8)]).sorted {
            $0.lexicographicallyPrecedes($1)
        }
        let size = ErofsFormat.folderSize(of: names)
        let attributes = try Self.encodedAttributes(of: nodes[folders[index].node], path: [])
        let room =
            index == Self.root ? ErofsFormat.blockSize - ErofsFormat.rootOffset : ErofsFormat.blockSize
        let head = ErofsFormat.inodeSize + attributes.count
        guard index != Self.root || head <= room else {
            throw EngineError(.unsupported, "the extended attributes of the image's root folder are too long")
        }
        let rest = size % ErofsFormat.blockSize
        let inline = head + rest <= room ? rest : 0
        let position =
            index == Self.root ? UInt64(ErofsFormat.rootOffset) : try file.placeInode(byteCount: head + inline)
        nodes[folders[index].node].number = position / UInt64(ErofsFormat.slotSize)
        return PlacedFolder(
            index: index, names: names, size: size, inline: inline, attributes: attributes, position: position)
    }

    /// - Returns: The inode, with what lies behind it.
    private func write(_ placed: PlacedFolder, to file: ErofsFile) throws(EngineError) -> [UInt8] {
        let folder = folders[placed.index]
        var inner: UInt32 = 0
        var entries: [ErofsFormat.FolderEntry] = []
        for name in placed.names {
            let node: Int
            switch name {
            case [0x2E]: node = folder.node
            case [0x2E, 0x2E]: node = folders[folder.parent].node
            default:
                guard let child = folder.children[name] else { continue }
                if case .folder = nodes[child].content { inner += 1 }
                node = child
            }
            entries.append(
                ErofsFormat.FolderEntry(name: name, number: nodes[node].number, type: nodes[node].mode))
        }
        let content = ErofsFormat.encode(folder: entries)
        var inode = Self.inode(of: nodes[folder.node], attributes: placed.attributes)
        inode.links = 2 + inner
        inode.size = UInt64(content.count)
        inode.layout = placed.inline > 0 ? .inline : .plain
        let outside = content.count - placed.inline
        if outside > 0 {
            let blocks = (outside + ErofsFormat.blockSize - 1) / ErofsFormat.blockSize
            inode.detail = try file.allocate(blocks: UInt64(blocks))
            try file.write(Array(content[..<outside]), at: ErofsFile.position(of: inode.detail))
        }
        let bytes = inode.encoded() + content[outside...]
        if placed.index != Self.root { try file.write(bytes, at: placed.position) }
        return bytes
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` for bodies that throw our errors.
    func withUnsafeBytesThrowing<Value>(
        _ body: (UnsafeRawBufferPointer) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        let result = withUnsafeBytes { bytes -> Result<Value, EngineError> in
            do throws(EngineError) {
                return .success(try body(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
