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

    /// Removes some of what is in a folder, as `remove` does.
    ///
    /// Names are those of `rawNames`; missing ones are fine.
    public static func remove(_ names: [[UInt8]], in path: FilePath) throws(EngineError) {
        let folder = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_PATH | O_DIRECTORY | O_CLOEXEC, 0) }
        guard folder >= 0 else { throw failure(path, "opened") }
        defer { close(folder) }
        for name in names {
            let text = String(decoding: name, as: UTF8.self)
            let isGone = Array(text.utf8) == name ? removeEntry(text, in: folder) : removeRawEntry(name, in: folder)
            guard isGone else { throw failure(path.appending(text), "removed") }
        }
    }

    /// The names in a folder as the kernel gives them: they need not be Unicode.
    ///
    /// - Returns: `nil` with errno set if it cannot be read.
    public static func rawNames(in folder: Int32) -> [[UInt8]]? {
        // fdopendir takes its descriptor over, and the two share one position.
        let own = tandem_openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard own >= 0 else { return nil }
        guard let stream = fdopendir(own) else {
            close(own)
            return nil
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        return names
    }

    /// Whether there is nothing in a folder, or no folder.
    public static func isEmpty(_ path: FilePath) -> Bool {
        guard let stream = path.withPlatformString({ opendir($0) }) else { return true }
        defer { closedir(stream) }
        // `.` and `..` are always there.
        var count = 0
        while readdir(stream) != nil {
            count += 1
            if count > 2 { return false }
        }
        return true
    }

    private static func removeEntry(_ name: String, in folder: Int32) -> Bool {
        if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return true }
        guard errno == EISDIR || errno == EPERM else { return false }
        // What is mounted there belongs to somebody else.
        let inner = tandem_open_same_mount(folder, name, UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
        guard inner >= 0, removeContent(of: inner) else { return false }
        return unlinkat(folder, name, Int32(AT_REMOVEDIR)) == 0 || errno == ENOENT
    }

    /// Closes the descriptor.
    private static func removeContent(of inner: Int32) -> Bool {
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
        errno = problem
        return isComplete
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
