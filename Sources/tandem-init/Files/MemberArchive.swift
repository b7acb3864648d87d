// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Packs one file or folder after the other, which a workload may be changing meanwhile.
struct MemberArchive {
    private(set) var output: OutputBuffer
    /// Whether all extended attributes are packed that an image may have, or capabilities alone, as dockerd exports them.
    var keepsAttributes = false
    /// Whatever has changed later gets this time, in seconds since 1970.
    var latestTime = Int64.max
    /// The first name of files that have several.
    private var names: [UInt64: Bytes] = [:]

    init(_ descriptor: Int32) { output = OutputBuffer(descriptor) }

    /// Why writing has failed, or 0.
    var problem: Int32 { output.problem }

    /// Forgets which files have had a name: what follows lies on another file system.
    mutating func forgetNames() { names = [:] }

    mutating func finish() {
        output.write(TarHeader.end)
        output.flush()
    }

    /// Packs a folder without its content.
    mutating func addFolder(_ folder: Int32, path: Bytes, _ status: stat) {
        var header = header(path + [0x2F], status)
        header.type = 0x35
        if keepsAttributes { header.records = Self.attributes(of: folder) }
        output.write(header.encoded())
    }

    /// Packs an empty file with the rights of another one.
    mutating func addEmptyFile(_ path: Bytes, mode: UInt32, _ status: stat) {
        var header = header(path, status)
        header.mode = mode
        output.write(header.encoded())
    }

    /// Packs a file without content that belongs to root and is as old as can be.
    mutating func addMark(_ path: Bytes) {
        output.write(TarHeader(path: path, type: 0x30, mode: 0o600, uid: 0, gid: 0, seconds: 0).encoded())
    }

    /// Packs anything but a folder.
    mutating func add(_ name: Bytes, in folder: Int32, path: Bytes, _ status: stat) {
        var header = header(path, status)
        switch Int32(bitPattern: status.st_mode) & S_IFMT {
        case S_IFREG: addFile(name, in: folder, header, status)
        case S_IFLNK:
            header.type = 0x32
            header.link = target(of: name, in: folder)
            if !header.link.isEmpty { output.write(header.encoded()) }
        case S_IFCHR, S_IFBLK:
            header.type = Int32(bitPattern: status.st_mode) & S_IFMT == S_IFCHR ? 0x33 : 0x34
            header.major = tandem_major(UInt64(status.st_rdev))
            header.minor = tandem_minor(UInt64(status.st_rdev))
            output.write(header.encoded())
        case S_IFIFO:
            header.type = 0x36
            output.write(header.encoded())
        default: return  // no tar holds a socket
        }
    }

    private func header(_ path: Bytes, _ status: stat) -> TarHeader {
        TarHeader(
            path: path, type: 0x30, mode: status.st_mode, uid: status.st_uid, gid: status.st_gid,
            seconds: min(latestTime, Int64(status.st_mtim.tv_sec)))
    }

    private func target(of link: Bytes, in folder: Int32) -> Bytes {
        var target = [CChar](repeating: 0, count: 4_096)
        let count = withPath(link) { readlinkat(folder, $0, &target, target.count) }
        return count > 0 ? target[..<count].map { UInt8(bitPattern: $0) } : []
    }

    private mutating func addFile(_ name: Bytes, in folder: Int32, _ description: TarHeader, _ status: stat) {
        var header = description
        if status.st_nlink > 1 {
            if let first = names[UInt64(status.st_ino)] {
                header.type = 0x31
                header.link = first
                return output.write(header.encoded())
            }
            names[UInt64(status.st_ino)] = header.path
        }
        let file = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, at: folder)
        guard file >= 0 else { return }
        defer { close(file) }
        header.size = UInt64(max(0, status.st_size))
        if keepsAttributes {
            header.records = Self.attributes(of: file)
        } else {
            let capability = Self.attribute(bytes("security.capability"), of: file)
            if !capability.isEmpty { header.records = [(bytes("SCHILY.xattr.security.capability"), capability)] }
        }
        output.write(header.encoded())
        copy(file, header.size)
        output.write(TarHeader.padding(after: header.size))
    }

    /// Copies exactly so many bytes: a file that has shrunk meanwhile ends in zeroes.
    private mutating func copy(_ file: Int32, _ size: UInt64) {
        var left = size
        var chunk = Bytes(repeating: 0, count: 64 << 10)
        while left > 0 && output.problem == 0 {
            let wanted = Int(min(left, UInt64(chunk.count)))
            var count = chunk.withUnsafeMutableBytes { read(file, $0.baseAddress, wanted) }
            if count < 0 && tandem_errno() == EINTR { continue }
            if count <= 0 {
                for index in 0..<wanted { chunk[index] = 0 }
                count = wanted
            }
            output.write(chunk[..<count])
            left -= UInt64(count)
        }
    }

    // MARK: Extended attributes

    private static func attribute(_ name: Bytes, of file: Int32) -> Bytes {
        let length = withPath(name) { fgetxattr(file, $0, nil, 0) }
        guard length > 0 else { return [] }
        var value = Bytes(repeating: 0, count: length)
        let count = withPath(name) { name in
            value.withUnsafeMutableBytes { fgetxattr(file, name, $0.baseAddress, $0.count) }
        }
        return count > 0 ? Bytes(value[..<count]) : []
    }

    /// Those that mean something in an image, as records of a pax header.
    private static func attributes(of file: Int32) -> [(key: Bytes, value: Bytes)] {
        let length = flistxattr(file, nil, 0)
        guard length > 0 else { return [] }
        var list = [CChar](repeating: 0, count: length)
        let count = flistxattr(file, &list, list.count)
        guard count > 0 else { return [] }
        var found: [(key: Bytes, value: Bytes)] = []
        let names = list[..<count].map { UInt8(bitPattern: $0) }.split(separator: 0).map { Bytes($0) }
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let isKept =
                name.starts(with: bytes("user.")) || name == bytes("security.capability")
                || name == bytes("system.posix_acl_access") || name == bytes("system.posix_acl_default")
            // No record of a pax header can have such a name.
            guard isKept, !name.contains(0x3D) else { continue }
            found.append((bytes("SCHILY.xattr.") + name, attribute(name, of: file)))
        }
        return found
    }
}
