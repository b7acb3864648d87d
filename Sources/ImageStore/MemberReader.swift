// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Glibc
public import TandemModel

/// Reads the members of an archive one after the other, for `ADD`.
///
/// All calls block.
public final class MemberReader {
    private let reader: ArchiveReader
    private let descriptor: Int32

    /// One member.
    public struct Member {
        /// Its name as it stands there.
        public var path: [UInt8]
        /// Its metadata.
        public var metadata: LayerTarWriter.Metadata
        /// Where a symbolic link points.
        public var link: [UInt8]?
        /// The earlier member of which this is a further name.
        public var hardLink: [UInt8]?
        /// Length of its content.
        public var size: Int
    }

    /// Whether a file is an archive that `ADD` unpacks: a tar, plain or compressed.
    ///
    /// The descriptor's position is left at the beginning.
    public static func isArchive(_ descriptor: Int32) -> Bool {
        defer { _ = lseek(descriptor, 0, SEEK_SET) }
        _ = lseek(descriptor, 0, SEEK_SET)
        // What cannot be read as an archive is a file like any other.
        guard let source = try? ByteSource(descriptor: descriptor),
            let reader = try? ArchiveReader(source, digestsFile: false), let first = try? reader.next()
        else { return false }
        return archive_entry_pathname(first) != nil
    }

    /// Begins to read where the descriptor stands.
    public init(_ descriptor: Int32) throws(EngineError) {
        self.descriptor = descriptor
        reader = try ArchiveReader(try ByteSource(descriptor: descriptor), digestsFile: false)
    }

    /// The next member; `nil` at the end.
    public func next() throws(EngineError) -> Member? {
        guard let entry = try reader.next() else { return nil }
        guard let raw = archive_entry_pathname(entry) else {
            throw EngineError(.corruptData, "the archive has a member without a name")
        }
        var metadata = LayerTarWriter.Metadata(mode: UInt32(archive_entry_mode(entry)))
        metadata.owner = UInt32(truncatingIfNeeded: archive_entry_uid(entry))
        metadata.group = UInt32(truncatingIfNeeded: archive_entry_gid(entry))
        metadata.seconds = Int64(archive_entry_mtime(entry))
        metadata.device = UInt64(archive_entry_rdev(entry))
        metadata.attributes = LayerTree.attributes(of: entry).sorted {
            $0.key.lexicographicallyPrecedes($1.key)
        }.map { (name: $0.key, value: $0.value) }
        return Member(
            path: LayerTree.bytes(raw), metadata: metadata, link: archive_entry_symlink(entry).map(LayerTree.bytes),
            hardLink: archive_entry_hardlink(entry).map(LayerTree.bytes),
            size: Int(clamping: archive_entry_size(entry)))
    }

    /// The content of the present member, with its holes filled.
    public func write(to target: LayerTarWriter, as path: [UInt8], _ member: Member) throws(EngineError) {
        try target.beginFile(path, member.metadata, size: member.size)
        var position: Int64 = 0
        try reader.forEachBlock { (block, offset) throws(EngineError) in
            if offset > position { try target.writeZeroes(Int(offset - position)) }
            try target.write(block)
            position = offset + Int64(block.count)
        }
        if position < Int64(member.size) { try target.writeZeroes(member.size - Int(position)) }
    }
}
