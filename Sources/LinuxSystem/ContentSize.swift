// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// How much is in the files of a folder that a workload may be changing: no name is followed that has become a link.
public struct ContentSize {
    /// Bytes in files and links, each counted once however many names it has.
    public private(set) var bytes: UInt64 = 0
    private var seen: Set<UInt64> = []
    private let except: Set<[UInt8]>
    private static let deepest = 2_048

    /// Counts a folder on its own file system, but for some paths in it, which have no slash before them.
    ///
    /// Blocks. A missing folder has nothing in it.
    public init(of folder: FilePath, except: Set<[UInt8]> = []) {
        self.except = except
        let root = folder.withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        }
        if root >= 0 { walk(root, path: [], depth: 0) }
    }

    /// `folder` is closed at the end.
    private mutating func walk(_ folder: Int32, path: [UInt8], depth: Int) {
        // The stream takes the descriptor over.
        guard depth < Self.deepest, let stream = fdopendir(folder) else {
            close(folder)
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            let inner = path.isEmpty ? name : path + [0x2F] + name
            if !except.contains(inner) { count(name, in: folder, path: inner, depth: depth) }
        }
    }

    private mutating func count(_ name: [UInt8], in folder: Int32, path: [UInt8], depth: Int) {
        var status = stat()
        let text = name.map { CChar(bitPattern: $0) } + [0]
        // It may have gone meanwhile.
        guard fstatat(folder, text, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            let inner = text.withUnsafeBufferPointer { text in
                text.baseAddress.map {
                    tandem_openat(folder, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
                } ?? -1
            }
            if inner >= 0 { walk(inner, path: path, depth: depth + 1) }
        case S_IFREG, S_IFLNK:
            guard status.st_nlink < 2 || seen.insert(UInt64(status.st_ino)).inserted else { return }
            bytes += UInt64(max(0, status.st_size))
        default: break
        }
    }
}
