// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
public import SystemPackage
public import TandemModel

/// Folders of our own on the host.
///
/// None of these functions follows a path into a workload's root.
public enum Folders {
    /// Makes a folder and its parents; what exists is left alone.
    public static func make(_ path: FilePath, mode: UInt32 = 0o755) throws(EngineError) {
        let result = path.withPlatformString { mkdir($0, mode) }
        if result == 0 || errno == EEXIST { return }
        guard errno == ENOENT, !path.components.isEmpty else { throw failure(path, "made") }
        try make(path.removingLastComponent())
        guard path.withPlatformString({ mkdir($0, mode) }) == 0 || errno == EEXIST else { throw failure(path, "made") }
    }

    /// Removes a folder with everything in it, on this file system only; links are removed, not followed.
    ///
    /// Missing is fine.
    public static func remove(_ path: FilePath) throws(EngineError) {
        let parent = path.removingLastComponent()
        guard let name = path.lastComponent?.string else { return }
        let folder = parent.withPlatformString { tandem_openat(AT_FDCWD, $0, O_PATH | O_DIRECTORY | O_CLOEXEC, 0) }
        if folder < 0 && errno == ENOENT { return }
        guard folder >= 0 else { throw failure(path, "removed") }
        defer { close(folder) }
        guard removeEntry(name, in: folder) else { throw failure(path, "removed") }
    }

    private static func removeEntry(_ name: String, in folder: Int32) -> Bool {
        if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return true }
        guard errno == EISDIR || errno == EPERM else { return false }
        let inner = tandem_openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard inner >= 0 else { return false }
        // fdopendir takes the descriptor over.
        guard let stream = fdopendir(inner) else {
            close(inner)
            return false
        }
        var names: [String] = []
        while let entry = readdir(stream) {
            let entryName = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: 256))
                }
            }.prefix { $0 != 0 }
            // Names need not be Unicode: those that are not are handled as bytes below.
            let text = String(decoding: entryName, as: UTF8.self)
            guard text != ".", text != ".." else { continue }
            if Array(text.utf8) == Array(entryName) {
                names.append(text)
            } else if !removeRawEntry(Array(entryName), in: inner) {
                closedir(stream)
                return false
            }
        }
        var isComplete = true
        for entry in names { isComplete = removeEntry(entry, in: inner) && isComplete }
        let problem = errno
        closedir(stream)
        guard isComplete else {
            errno = problem
            return false
        }
        return unlinkat(folder, name, Int32(AT_REMOVEDIR)) == 0 || errno == ENOENT
    }

    /// Gives an entry whose name is no Unicode a name that is, and removes it.
    private static func removeRawEntry(_ name: [UInt8], in folder: Int32) -> Bool {
        let replacement = ".removing-" + name.map { String($0, radix: 16) }.joined().prefix(200)
        let renamed = (name + [0]).withUnsafeBytes { bytes in
            bytes.baseAddress.map { renameat(folder, $0.assumingMemoryBound(to: CChar.self), folder, replacement) }
                ?? -1
        }
        return renamed == 0 && removeEntry(replacement, in: folder)
    }

    /// The names in a folder, sorted; none if it is missing.
    public static func names(in path: FilePath) -> [String] {
        // A missing folder has no names.
        ((try? FileManager.default.contentsOfDirectory(atPath: path.string)) ?? []).sorted()
    }

    /// Bytes that the files of a folder occupy on disk, on this file system only.
    public static func diskUsage(_ path: FilePath) -> UInt64 {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0 else { return 0 }
        var total = UInt64(status.st_blocks) * 512
        guard status.st_mode & S_IFMT == S_IFDIR else { return total }
        for name in names(in: path) { total += diskUsage(path.appending(name)) }
        return total
    }

    private static func failure(_ path: FilePath, _ what: String) -> EngineError {
        let number = errno
        let code: EngineError.Code =
            switch number {
            case ENOSPC, EDQUOT, ENFILE, EMFILE: .resourceExhausted
            case EACCES, EPERM, EROFS: .permissionDenied
            default: .internal
            }
        return EngineError(
            code, "'\(path)' cannot be \(what): \(String(cString: strerror(number)))",
            hint: number == ENOSPC ? "Free some space on its file system." : nil)
    }
}
