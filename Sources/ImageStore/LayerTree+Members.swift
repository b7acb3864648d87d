// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Glibc
import TandemModel

/// Members of archives become nodes; whiteouts of the OCI image specification (layer.md) become those of overlayfs.
extension LayerTree {
    /// Takes in a whole archive.
    mutating func unpack(_ archive: ArchiveReader, into file: ErofsFile) throws(EngineError) {
        while let entry = try archive.next() { try add(entry, from: archive, into: file) }
        try file.flush()
    }

    private mutating func add(
        _ entry: OpaquePointer, from archive: ArchiveReader, into file: ErofsFile
    ) throws(EngineError) {
        guard let raw = archive_entry_pathname(entry) else {
            throw EngineError(.corruptData, "the archive has a member without a name")
        }
        let path = Self.bytes(raw)
        guard var components = Self.components(of: path) else {
            throw EngineError(
                .corruptData, "the archive's member '\(Self.shown(path))' points outside of the image",
                hint: "Nothing of the archive was taken. Make it anew without '..' in names.")
        }
        guard path.count <= 4_096 else {
            throw EngineError(.corruptData, "the archive has a member whose path is longer than 4,096 bytes")
        }
        guard let name = components.popLast() else { return setRoot(entry) }
        let folder = try makeFolder(at: components, path: Name(path.prefix(path.count - Self.tail(of: path))))
        if takesWhiteouts, name.starts(with: ".wh.".utf8) {
            return try addWhiteout(name, in: folder, path: path)
        }
        if let target = archive_entry_hardlink(entry) {
            return try addHardLink(name, in: folder, to: Self.bytes(target), path: path)
        }
        try addMember(entry, name, in: folder, path: path, from: archive, into: file)
    }

    static func bytes(_ text: UnsafePointer<CChar>) -> Name {
        Name(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// How many bytes of a path its last part takes.
    private static func tail(of path: Name) -> Int {
        var end = path.count
        while end > 0, path[end - 1] == 0x2F { end -= 1 }
        let slash = path[..<end].lastIndex(of: 0x2F) ?? -1
        return path.count - slash - 1
    }

    private mutating func addMember(
        _ entry: OpaquePointer, _ name: Name, in folder: Int, path: Name, from archive: ArchiveReader,
        into file: ErofsFile
    ) throws(EngineError) {
        let type = UInt32(archive_entry_filetype(entry))
        var node = try Self.metadata(of: entry, path: path)
        switch type {
        case FileType.file:
            try addContent(of: entry, to: &node, from: archive, into: file, path: path)
            try add(name, in: folder, node)
        case FileType.folder: try addFolder(name, in: folder, describedBy: node)
        case FileType.link:
            let target = archive_entry_symlink(entry).map(Self.bytes) ?? []
            guard (1...4_095).contains(target.count) else {
                throw EngineError(.corruptData, "the archive's link '\(Self.shown(path))' points nowhere")
            }
            node.mode = FileType.link | 0o777
            node.content = .link(target)
            try add(name, in: folder, node)
        case FileType.characters, FileType.blocks, FileType.pipe:
            if type != FileType.pipe {
                let (major, minor) = (archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry))
                node.content = .device(
                    ErofsFormat.device(
                        major: UInt32(truncatingIfNeeded: major), minor: UInt32(truncatingIfNeeded: minor)))
            }
            guard !node.isWhiteout else {
                // overlayfs takes this device for a whiteout.
                throw EngineError(
                    .corruptData,
                    "the archive's member '\(Self.shown(path))' is the device 0:0, which no image may have")
            }
            try add(name, in: folder, node)
        case FileType.socket: return
        default:
            throw EngineError(
                .corruptData, "the archive's member '\(Self.shown(path))' has a type that images do not have")
        }
    }

    /// A folder may come after its content, or again.
    private mutating func addFolder(_ name: Name, in parent: Int, describedBy node: Node) throws(EngineError) {
        var node = node
        if let present = folders[parent].children[name] {
            // A whiteout before it means that nothing below shows through.
            if nodes[present].isWhiteout { node.attributes[Self.opaque] = Self.yes }
            if case .folder = nodes[present].content {
                node.content = nodes[present].content
                node.attributes.merge(nodes[present].attributes) { new, _ in new }
                nodes[present] = node
                return
            }
        }
        _ = try addFolder(name, in: parent, node)
    }

    private mutating func addHardLink(
        _ name: Name, in folder: Int, to target: Name, path: Name
    ) throws(EngineError) {
        guard var components = Self.components(of: target), let last = components.popLast() else {
            throw EngineError(
                .corruptData,
                "the archive's hard link '\(Self.shown(path))' points outside of the image to '\(Self.shown(target))'",
                hint: "Nothing of the archive was taken.")
        }
        // Not following the last part: the target is the link itself if it is one. A whiteout is no file.
        guard let place = self.folder(at: components), let node = folders[place].children[last],
            nodes[node].mode & FileType.mask != FileType.folder, !nodes[node].isWhiteout
        else {
            throw EngineError(
                .corruptData,
                "the archive's hard link '\(Self.shown(path))' points to '\(Self.shown(target))', which is not there",
                hint: "Only links to what the archive holds itself can be kept.")
        }
        try link(node, as: name, in: folder)
    }

    // MARK: Content

    private func addContent(
        of entry: OpaquePointer, to node: inout Node, from archive: ArchiveReader, into file: ErofsFile, path: Name
    ) throws(EngineError) {
        let size = UInt64(clamping: archive_entry_size(entry))
        let attributes = try Self.encodedAttributes(of: node, path: path)
        var open =
            archive_entry_sparse_count(entry) > 0
            ? try file.openFile(size: size, data: Self.dataRanges(of: entry))
            : try file.openFile(size: size, attributes: attributes.count)
        try archive.forEachBlock { (block, offset) throws(EngineError) in
            guard offset >= 0 else {
                throw EngineError(.corruptData, "the archive's member '\(Self.shown(path))' is damaged")
            }
            try file.write(block, at: UInt64(offset), of: &open)
        }
        node.content = .file(open.content)
        node.number = try file.close(open, Self.inode(of: node, attributes: attributes))
        if !open.content.isSparse { archive.place(ErofsFile.ranges(of: open.content, number: node.number)) }
        // They are written; from here on nobody asks for them.
        node.attributes = [:]
    }

    private static func dataRanges(of entry: OpaquePointer) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var offset: Int64 = 0
        var length: Int64 = 0
        archive_entry_sparse_reset(entry)
        while archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK {
            guard offset >= 0, length > 0 else { continue }
            ranges.append(UInt64(offset)..<(UInt64(offset) + UInt64(length)))
        }
        return ranges
    }

    // MARK: Whiteouts

    static let opaque = Name("trusted.overlay.opaque".utf8)
    static let yes = Name("y".utf8)

    private mutating func addWhiteout(_ name: Name, in folder: Int, path: Name) throws(EngineError) {
        if name == Name(".wh..wh..opq".utf8) {
            nodes[folders[folder].node].attributes[Self.opaque] = Self.yes
            return
        }
        // aufs kept its own files under such names.
        if name.starts(with: ".wh..wh.".utf8) { return }
        let hidden = Name(name.dropFirst(4))
        guard !hidden.isEmpty, hidden != Name(".".utf8), hidden != Name("..".utf8) else {
            throw EngineError(
                .corruptData, "the archive's member '\(Self.shown(path))' hides nothing that an image may have")
        }
        if let present = folders[folder].children[hidden] {
            // It hides what lower layers have, not what this one brings.
            if case .folder = nodes[present].content { nodes[present].attributes[Self.opaque] = Self.yes }
            return
        }
        try add(hidden, in: folder, Node(mode: FileType.characters, content: .device(0)))
    }

    // MARK: Metadata

    private mutating func setRoot(_ entry: OpaquePointer) {
        guard UInt32(archive_entry_filetype(entry)) == FileType.folder,
            var node = try? Self.metadata(of: entry, path: [])
        else { return }  // a root that is no folder, or has too many attributes, stays as it is
        node.content = nodes[0].content
        node.attributes.merge(nodes[0].attributes) { new, _ in new }
        nodes[0] = node
    }

    private static func metadata(of entry: OpaquePointer, path: Name) throws(EngineError) -> Node {
        let type = UInt32(archive_entry_filetype(entry))
        var node = Node(
            mode: type & FileType.mask | UInt32(archive_entry_perm(entry)) & 0o7777,
            owner: UInt32(truncatingIfNeeded: archive_entry_uid(entry)),
            group: UInt32(truncatingIfNeeded: archive_entry_gid(entry)), seconds: Int64(archive_entry_mtime(entry)),
            nanoseconds: UInt32(clamping: archive_entry_mtime_nsec(entry)), content: .device(0))
        node.attributes = attributes(of: entry)
        _ = try encodedAttributes(of: node, path: path)
        return node
    }

    /// Extended attributes that mean something in an image.
    ///
    /// Those of overlayfs itself would redirect it.
    static func attributes(of entry: OpaquePointer) -> [Name: [UInt8]] {
        guard archive_entry_xattr_reset(entry) > 0 else { return [:] }
        var found: [Name: [UInt8]] = [:]
        var key: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK {
            guard let key else { continue }
            let name = bytes(key)
            guard
                name.starts(with: "user.".utf8) || name == Name("security.capability".utf8)
                    || name == Name("system.posix_acl_access".utf8) || name == Name("system.posix_acl_default".utf8)
            else { continue }
            found[name] = [UInt8](UnsafeRawBufferPointer(start: value, count: size))
        }
        return found
    }

    static func encodedAttributes(of node: Node, path: Name) throws(EngineError) -> [UInt8] {
        guard let bytes = ErofsFormat.encode(attributes: node.attributes) else {
            throw EngineError(
                .corruptData,
                "the archive's member '\(shown(path))' has more or longer extended attributes than a layer holds")
        }
        return bytes
    }

    static func inode(of node: Node, attributes: [UInt8]) -> ErofsFormat.Inode {
        ErofsFormat.Inode(
            mode: node.mode, owner: node.owner, group: node.group, seconds: node.seconds,
            nanoseconds: node.nanoseconds, links: node.links, attributes: attributes)
    }
}
