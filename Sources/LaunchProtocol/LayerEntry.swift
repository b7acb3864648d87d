// SPDX-License-Identifier: Apache-2.0

/// One member of a workload's writable layer, as overlayfs keeps it (Documentation/filesystems/overlayfs.rst).
public struct LayerEntry: Sendable, Equatable {
    /// Path in the layer, without a slash before it.
    public var path: Bytes
    /// Type and permission bits; a whiteout is the character device 0:0.
    public var mode: UInt32
    /// Owner.
    public var uid: UInt32 = 0
    /// Group.
    public var gid: UInt32 = 0
    /// Number of a device.
    public var device: UInt64 = 0
    /// Length in bytes.
    public var size: UInt64 = 0
    /// Time of modification, in seconds since 1970.
    public var seconds: Int64 = 0
    /// See `seconds`.
    public var nanoseconds: UInt32 = 0
    /// Inode number, the same for all names of a file.
    public var inode: UInt64 = 0
    /// How many names it has.
    public var links: UInt32 = 1
    /// Whether nothing of a folder of this name shows through from below.
    public var isOpaque = false
    /// Where a renamed folder had its place below: a path with a slash before it, or a name in the same folder.
    public var redirect: Bytes = []
    /// The attribute `security.capability`.
    public var capability: Bytes = []

    /// Describes a member.
    public init(path: Bytes, mode: UInt32) {
        self.path = path
        self.mode = mode
    }

    /// Whether it hides what lies below.
    public var isWhiteout: Bool { mode & 0o170_000 == 0o020_000 && device == 0 }
    /// Whether it is a folder.
    public var isFolder: Bool { mode & 0o170_000 == 0o040_000 }

    /// The member in a list of members, with its length before it.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(path)
        writer.write(mode)
        writer.write(uid)
        writer.write(gid)
        writer.write(device)
        writer.write(size)
        writer.write(seconds)
        writer.write(nanoseconds)
        writer.write(inode)
        writer.write(links)
        writer.write(isOpaque)
        writer.write(redirect)
        writer.write(capability)
        var list = ByteWriter()
        list.write(writer.bytes)
        return list.bytes
    }

    /// Reads one member.
    public init(_ reader: inout ByteReader) throws(DecodingFailure) {
        path = try reader.string()
        mode = try reader.number()
        uid = try reader.number()
        gid = try reader.number()
        device = try reader.number()
        size = try reader.number()
        seconds = try reader.number()
        nanoseconds = try reader.number()
        inode = try reader.number()
        links = try reader.number()
        isOpaque = try reader.bool()
        redirect = try reader.string()
        capability = try reader.string()
    }

    /// Reads a list of members.
    public static func list(decoding bytes: Bytes) throws(DecodingFailure) -> [LayerEntry] {
        var reader = ByteReader(bytes)
        var entries: [LayerEntry] = []
        while reader.remaining > 0 {
            var inner = ByteReader(try reader.string())
            entries.append(try LayerEntry(&inner))
            try inner.finish()
        }
        return entries
    }
}
