// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Packs a workload's root, without what is mounted in it, while the workload may be changing it.
struct RootArchive {
    private var archive: MemberArchive
    /// Paths that are packed as empty files.
    private let emptied: [Bytes]
    private static let deepest = 2_048

    private init(_ descriptor: Int32, emptied: [Bytes]) {
        archive = MemberArchive(descriptor)
        self.emptied = emptied
    }

    /// Writes the tar to a descriptor; the process's root is the workload's.
    ///
    /// - Returns: The error number of what failed, or 0.
    static func write(to descriptor: Int32, emptied: [Bytes]) -> Int32 {
        let folder = openUnmountedRoot()
        guard folder >= 0 else { return tandem_errno() }
        var root = RootArchive(descriptor, emptied: emptied)
        root.walk(folder, path: [], depth: 0)
        root.archive.finish()
        return root.archive.problem
    }

    /// A copy of the root's mount alone: what is mounted on its folders stays behind.
    static func openUnmountedRoot() -> Int32 {
        let root = tandem_clone_mount("/")
        guard root >= 0 else { return -1 }
        // What the clone gives is a mere path.
        return open([0x2E], O_RDONLY | O_DIRECTORY, at: root)
    }

    private mutating func walk(_ folder: Int32, path: Bytes, depth: Int) {
        guard depth < Self.deepest else { return }
        for name in sortedEntries(folder) where archive.problem == 0 {
            var status = stat()
            // It may have gone meanwhile.
            guard withPath(name, { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else { continue }
            add(name, in: folder, path: path.isEmpty ? name : path + [0x2F] + name, status, depth: depth)
        }
    }

    private mutating func add(_ name: Bytes, in folder: Int32, path: Bytes, _ status: stat, depth: Int) {
        switch Int32(bitPattern: status.st_mode) & S_IFMT {
        case S_IFDIR:
            let inner = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: folder)
            guard inner >= 0 else { return }
            archive.addFolder(inner, path: path, status)
            walk(inner, path: path, depth: depth + 1)
            close(inner)
        case S_IFREG where emptied.contains(where: { $0.dropFirst().elementsEqual(path) }):
            archive.addEmptyFile(path, mode: 0o755, status)
        default: archive.add(name, in: folder, path: path, status)
        }
    }
}
