// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import TandemModel

/// Copies everything in one folder into another one: content with its holes, owners, modes, times, extended attributes,
/// links of both sorts and devices.
///
/// Both sides may be hostile: the source is somebody's image, and the target may be mounted by a running workload at
/// that moment. So no name is ever followed as a link, every path is resolved by openat2(2) with its folder as root, and
/// what can be done on a descriptor is. All calls block; needs root.
public struct TreeCopy {
    /// A name as the kernel gives it, with its closing zero: it need not be Unicode.
    private typealias Name = [CChar]

    /// A folder that has been met, by its name and the folder that it is in: whole paths would take more memory the
    /// deeper an image's folders lie.
    private struct Place {
        var parent: Int
        var name: Name
    }

    private let source: Int32
    private let target: Int32
    private var places = [Place(parent: 0, name: [0x2E, 0])]
    /// The first copy of each file that has several names.
    private var firstNames: [UInt64: (folder: Int, name: Name, copy: ino_t)] = [:]

    /// Copies; the descriptors are of folders and stay open.
    ///
    /// The target folder itself takes over owner, mode and attributes too.
    ///
    /// - Throws: `.resourceExhausted` if no space is left. What has been copied until then stays.
    public static func copy(from source: Int32, to target: Int32) throws(EngineError) {
        var copy = TreeCopy(source: source, target: target)
        try copy.run()
    }

    private init(source: Int32, target: Int32) {
        self.source = source
        self.target = target
    }

    /// Without recursion, and with few descriptors: how deep an image's folders lie is the image's choice.
    private mutating func run() throws(EngineError) {
        var next = 0
        while next < places.count {
            let path = path(of: next)
            let from = try open(path, in: source)
            defer { close(from) }
            let to = try open(path, in: target)
            defer { close(to) }
            try copyMetadata(from: from, to: to, path)
            for name in try names(in: from, path) {
                let inner = Self.join(path, name)
                if try copyEntry(name, of: next, from: from, to: to, path: inner) {
                    places.append(Place(parent: next, name: name))
                }
            }
            next += 1
        }
        // Every entry changes the times of its folder.
        for index in places.indices.reversed() {
            let path = path(of: index)
            let from = try open(path, in: source)
            defer { close(from) }
            let to = try open(path, in: target)
            defer { close(to) }
            var status = stat()
            guard fstat(from, &status) == 0, futimens(to, [status.st_atim, status.st_mtim]) == 0 else {
                throw Self.failure("the times of", path)
            }
        }
    }

    private func path(of index: Int) -> Name {
        var parts: [Name] = []
        var index = index
        while index != 0 {
            parts.append(places[index].name)
            index = places[index].parent
        }
        return parts.reversed().reduce(places[0].name, Self.join)
    }

    private func open(_ path: Name, in root: Int32) throws(EngineError) -> Int32 {
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let folder = tandem_open_in_root(root, path, flags, 0)
        guard folder >= 0 else { throw Self.failure("the folder", path) }
        return folder
    }

    private func names(in folder: Int32, _ path: Name) throws(EngineError) -> [Name] {
        guard let names = Folders.rawNames(in: folder) else { throw Self.failure("the folder", path) }
        return names.map { $0.map { CChar(bitPattern: $0) } + [0] }
    }

    /// - Returns: Whether it is a folder, whose content is still to come.
    private mutating func copyEntry(
        _ name: Name, of folder: Int, from: Int32, to: Int32, path: Name
    ) throws(EngineError) -> Bool {
        var status = stat()
        guard fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw Self.failure("", path) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            guard mkdirat(to, name, 0o700) == 0 else { throw Self.failure("the folder", path) }
            return true
        case S_IFREG where status.st_nlink > 1:
            if try link(status, name, in: to, path: path) { return false }
            try copyFile(status, name, of: folder, from: from, to: to, path: path)
        case S_IFREG: try copyFile(status, name, of: folder, from: from, to: to, path: path)
        case S_IFLNK: try copyLink(status, name, from: from, to: to, path: path)
        case S_IFCHR, S_IFBLK, S_IFIFO:
            guard mknodat(to, name, status.st_mode & S_IFMT | 0o600, status.st_rdev) == 0 else {
                throw Self.failure("the device", path)
            }
            try setMetadataOfNode(status, name, from: from, in: to, path: path)
        default: break  // a socket without its listener is nothing
        }
        return false
    }

    // MARK: Files

    private mutating func copyFile(
        _ status: stat, _ name: Name, of folder: Int, from: Int32, to: Int32, path: Name
    ) throws(EngineError) {
        let input = name.withUnsafeBufferPointer {
            tandem_openat(from, $0.baseAddress, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0)
        }
        guard input >= 0 else { throw Self.failure("", path) }
        defer { close(input) }
        let output = name.withUnsafeBufferPointer {
            tandem_openat(to, $0.baseAddress, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard output >= 0 else { throw Self.failure("", path) }
        defer { close(output) }
        try copyContent(from: input, to: output, size: status.st_size, path)
        try copyMetadata(from: input, to: output, path)
        guard futimens(output, [status.st_atim, status.st_mtim]) == 0 else { throw Self.failure("the times of", path) }
        guard status.st_nlink > 1 else { return }
        var copy = stat()
        if fstat(output, &copy) == 0 { firstNames[UInt64(status.st_ino)] = (folder, name, copy.st_ino) }
    }

    private func copyContent(from input: Int32, to output: Int32, size: Int, _ path: Name) throws(EngineError) {
        var offset = 0
        while offset < size {
            let data = lseek(input, offset, SEEK_DATA)
            if data < 0 && errno == ENXIO { break }
            // A file system that does not know of holes has none.
            offset = max(offset, data)
            let hole = lseek(input, offset, SEEK_HOLE)
            let end = hole < 0 ? size : min(hole, size)
            guard lseek(output, offset, SEEK_SET) == offset else { throw Self.failure("", path) }
            while offset < end {
                let count = sendfile(output, input, &offset, end - offset)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw Self.failure("the content of", path) }
            }
        }
        guard ftruncate(output, size) == 0 else { throw Self.failure("the content of", path) }
    }

    /// A further name of a file that has been copied.
    ///
    /// - Returns: Whether there was one; a workload may have taken it away meanwhile.
    private func link(_ status: stat, _ name: Name, in to: Int32, path: Name) throws(EngineError) -> Bool {
        guard let first = firstNames[UInt64(status.st_ino)] else { return false }
        let file = tandem_open_in_root(
            target, Self.join(self.path(of: first.folder), first.name), UInt64(O_PATH | O_NOFOLLOW | O_CLOEXEC), 0)
        guard file >= 0 else { return false }
        defer { close(file) }
        var found = stat()
        guard fstat(file, &found) == 0, found.st_ino == first.copy else { return false }
        guard linkat(AT_FDCWD, Self.path(of: file), to, name, AT_SYMLINK_FOLLOW) == 0 else {
            throw Self.failure("the hard link", path)
        }
        return true
    }

    private func copyLink(
        _ status: stat, _ name: Name, from: Int32, to: Int32, path: Name
    ) throws(EngineError) {
        var destination = Name(repeating: 0, count: 4_097)
        let count = readlinkat(from, name, &destination, destination.count - 1)
        guard count >= 0 else { throw Self.failure("the link", path) }
        destination[count] = 0
        guard symlinkat(destination, to, name) == 0,
            fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) == 0
        else { throw Self.failure("the link", path) }
        // The time of a link matters to nobody enough to fail.
        _ = utimensat(to, name, [status.st_atim, status.st_mtim], AT_SYMLINK_NOFOLLOW)
    }

    // MARK: Metadata

    private func setMetadataOfNode(
        _ status: stat, _ name: Name, from: Int32, in to: Int32, path: Name
    ) throws(EngineError) {
        // There is no fchmodat that does not follow links before Linux 6.6: by way of a descriptor, whose link in /proc
        // leads to nothing but the node itself.
        let node = name.withUnsafeBufferPointer {
            tandem_openat(to, $0.baseAddress, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)
        }
        guard node >= 0 else { throw Self.failure("the device", path) }
        defer { close(node) }
        var found = stat()
        guard fstat(node, &found) == 0, found.st_mode & S_IFMT == status.st_mode & S_IFMT,
            fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) == 0,
            chmod(Self.path(of: node), status.st_mode & 0o7777) == 0
        else { throw Self.failure("the device", path) }
        _ = utimensat(to, name, [status.st_atim, status.st_mtim], AT_SYMLINK_NOFOLLOW)
    }

    private func copyMetadata(from input: Int32, to output: Int32, _ path: Name) throws(EngineError) {
        var status = stat()
        // The mode after the owner: a change of owner takes the set-user-ID bit and capabilities away.
        guard fstat(input, &status) == 0, fchown(output, status.st_uid, status.st_gid) == 0,
            fchmod(output, status.st_mode & 0o7777) == 0
        else { throw Self.failure("the owner of", path) }
        var list = Name(repeating: 0, count: 65_536)
        let size = flistxattr(input, &list, list.count)
        guard size > 0 else { return }
        var value = [UInt8](repeating: 0, count: 65_536)
        for name in list[..<size].split(separator: 0) where !Self.isOverlayAttribute(name) {
            let name = Name(name) + [0]
            let length = fgetxattr(input, name, &value, value.count)
            guard length >= 0 else { continue }
            // Not every file system keeps every attribute: tmpfs has none of `user.` before Linux 6.6.
            guard fsetxattr(output, name, value, length, 0) == 0 || errno == EOPNOTSUPP || errno == EPERM else {
                throw Self.failure("the attributes of", path)
            }
        }
    }

    /// What overlayfs notes down would redirect the next one.
    private static func isOverlayAttribute(_ name: ArraySlice<CChar>) -> Bool {
        name.starts(with: "trusted.overlay.".utf8.map { CChar(bitPattern: $0) })
    }

    // MARK: Names

    private static func join(_ folder: Name, _ name: Name) -> Name {
        folder == [0x2E, 0] ? name : folder.dropLast() + [0x2F] + name
    }

    private static func path(of descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

    private static func failure(_ what: String, _ path: Name) -> EngineError {
        let number = errno
        let shown = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let object = what.isEmpty ? "'\(shown)'" : "\(what) '\(shown)'"
        return EngineError(
            number == ENOSPC || number == EDQUOT ? .resourceExhausted : .internal,
            "\(object) cannot be copied: \(String(cString: strerror(number)))",
            hint: number == ENOSPC ? "Free some space on the target's file system." : nil)
    }
}
