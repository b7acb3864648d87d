// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Packs a workload's root, without what is mounted in it, while the workload may be changing it.
struct RootArchive {
    private var output: OutputBuffer
    /// Paths that are packed as empty files.
    private let emptied: [Bytes]
    /// The first name of files that have several.
    private var names: [UInt64: Bytes] = [:]
    private static let deepest = 2_048

    private init(_ descriptor: Int32, emptied: [Bytes]) {
        output = OutputBuffer(descriptor)
        self.emptied = emptied
    }

    /// Writes the tar to a descriptor; the process's root is the workload's.
    ///
    /// - Returns: The error number of what failed, or 0.
    static func write(to descriptor: Int32, emptied: [Bytes]) -> Int32 {
        // A copy of the root's mount alone: what is mounted on its folders stays behind.
        let root = tandem_clone_mount("/")
        guard root >= 0 else { return tandem_errno() }
        // What the clone gives is a mere path.
        let folder = open([0x2E], O_RDONLY | O_DIRECTORY, at: root)
        guard folder >= 0 else { return tandem_errno() }
        var archive = RootArchive(descriptor, emptied: emptied)
        archive.walk(folder, path: [], depth: 0)
        archive.output.write(TarHeader.end)
        archive.output.flush()
        return archive.output.problem
    }

    private mutating func walk(_ folder: Int32, path: Bytes, depth: Int) {
        guard depth < Self.deepest else { return }
        for name in sortedEntries(folder) where output.problem == 0 {
            var status = stat()
            // It may have gone meanwhile.
            guard withPath(name, { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else { continue }
            add(name, in: folder, path: path.isEmpty ? name : path + [0x2F] + name, status, depth: depth)
        }
    }

    private mutating func add(_ name: Bytes, in folder: Int32, path: Bytes, _ status: stat, depth: Int) {
        var header = TarHeader(
            path: path, type: 0x30, mode: status.st_mode, uid: status.st_uid, gid: status.st_gid,
            seconds: Int64(status.st_mtim.tv_sec))
        switch Int32(bitPattern: status.st_mode) & S_IFMT {
        case S_IFREG: addFile(name, in: folder, header, status)
        case S_IFDIR:
            let inner = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: folder)
            guard inner >= 0 else { return }
            header.type = 0x35
            header.path += [0x2F]
            output.write(header.encoded())
            walk(inner, path: path, depth: depth + 1)
            close(inner)
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

    private func target(of link: Bytes, in folder: Int32) -> Bytes {
        var target = [CChar](repeating: 0, count: 4_096)
        let count = withPath(link) { readlinkat(folder, $0, &target, target.count) }
        return count > 0 ? target[..<count].map { UInt8(bitPattern: $0) } : []
    }

    private mutating func addFile(_ name: Bytes, in folder: Int32, _ description: TarHeader, _ status: stat) {
        var header = description
        if emptied.contains(where: { $0.dropFirst().elementsEqual(header.path) }) {
            header.mode = 0o755
            return output.write(header.encoded())
        }
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
        // As dockerd: of all attributes, only capabilities.
        var value = Bytes(repeating: 0, count: 64)
        let length = withPath(bytes("security.capability")) { key in
            value.withUnsafeMutableBytes { fgetxattr(file, key, $0.baseAddress, $0.count) }
        }
        let capability = length > 0 ? Bytes(value[..<length]) : []
        if !capability.isEmpty { header.records = [(bytes("SCHILY.xattr.security.capability"), capability)] }
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
}
