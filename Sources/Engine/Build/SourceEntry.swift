// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import ImageStore
import LinuxSystem
import TandemModel

/// Something in a tree that nobody changes, the files of an image or of a context.
///
/// All calls block.
struct SourceEntry {
    typealias Name = LayerOverlay.Name

    /// From the tree's root, without links.
    let path: [Name]
    let status: stat

    /// Looks at a path without following a link at its end.
    init?(_ path: [Name], in root: Int32) {
        var status = stat()
        guard fstatat(root, LayerOverlay.text(LayerOverlay.join(path)), &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            return nil
        }
        self.path = path
        self.status = status
    }

    var type: UInt32 { status.st_mode & S_IFMT }
    var isFolder: Bool { type == S_IFDIR }

    /// Opens it; the caller closes.
    func open(in root: Int32) throws(EngineError) -> Int32 {
        let descriptor = tandem_open_in_root(
            root, LayerOverlay.text(LayerOverlay.join(path)), UInt64(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), 0)
        guard descriptor >= 0 else { throw LayerOverlay.failure(String(cString: strerror(errno)), path) }
        return descriptor
    }

    func link(in root: Int32) -> Name {
        var target = [CChar](repeating: 0, count: 4_096)
        let count = readlinkat(root, LayerOverlay.text(LayerOverlay.join(path)), &target, target.count)
        return target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    }

    func metadata(in root: Int32) throws(EngineError) -> LayerTarWriter.Metadata {
        var metadata = LayerTarWriter.Metadata(mode: status.st_mode)
        metadata.owner = status.st_uid
        metadata.group = status.st_gid
        metadata.seconds = Int64(tandem_modified_seconds(status))
        if type == S_IFCHR || type == S_IFBLK { metadata.device = UInt64(status.st_rdev) }
        if isFolder || type == S_IFREG {
            let descriptor = try open(in: root)
            defer { close(descriptor) }
            metadata.attributes = Self.attributes(of: descriptor)
        }
        return metadata
    }

    /// Those that mean something in an image.
    private static func attributes(of file: Int32) -> [(name: [UInt8], value: [UInt8])] {
        let length = flistxattr(file, nil, 0)
        guard length > 0 else { return [] }
        var list = [CChar](repeating: 0, count: length)
        let count = flistxattr(file, &list, list.count)
        let names = list.prefix(max(0, count)).map { UInt8(bitPattern: $0) }.split(separator: 0).map { [UInt8]($0) }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { name in
            let text = String(decoding: name, as: UTF8.self)
            guard text.hasPrefix("user.") || text == "security.capability" || text.hasPrefix("system.posix_acl_") else {
                return nil
            }
            var value = [UInt8](repeating: 0, count: max(0, fgetxattr(file, text, nil, 0)))
            let size = fgetxattr(file, text, &value, value.count)
            return size < 0 ? nil : (name, Array(value.prefix(size)))
        }
    }

    /// It and everything in it, folders before what they hold, sorted.
    func all(in root: Int32) throws(EngineError) -> [SourceEntry] {
        var found: [SourceEntry] = []
        var pending = [self]
        while let entry = pending.popLast() {
            found.append(entry)
            guard entry.isFolder else { continue }
            let folder = try entry.open(in: root)
            defer { close(folder) }
            guard let names = Folders.rawNames(in: folder) else {
                throw LayerOverlay.failure("cannot be read", entry.path)
            }
            for name in names.sorted(by: { $1.lexicographicallyPrecedes($0) }) {
                if let inner = SourceEntry(entry.path + [name], in: root) { pending.append(inner) }
            }
        }
        return found
    }

    /// Adds what it is to a digest, without times: a copy of the same content is the same.
    func digest(in root: Int32, below base: Int, ownersCount: Bool, into digest: inout ContentDigest)
        throws(EngineError)
    {
        let metadata = try metadata(in: root)
        var head = LayerOverlay.join(Array(path.dropFirst(base))) + [0]
        head += Array("\(metadata.mode) \(metadata.device) \(type == S_IFREG ? status.st_size : 0)".utf8)
        if ownersCount { head += Array(" \(metadata.owner):\(metadata.group)".utf8) }
        for (name, value) in metadata.attributes { head += [0] + name + [0x3D] + value }
        if type == S_IFLNK { head += [0] + link(in: root) }
        digest.add(head + [0])
        guard type == S_IFREG else { return }
        let file = try open(in: root)
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw LayerOverlay.failure(String(cString: strerror(errno)), path) }
            guard count > 0 else { return }
            digest.add(buffer[..<count])
        }
    }
}
