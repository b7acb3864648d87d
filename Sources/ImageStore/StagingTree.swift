// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// A folder into which the members of a layer are unpacked, and out of which none of them can reach.
///
/// Every path is resolved by openat2(2) with the folder as root, so links in it lead back into it. Whiteouts of the OCI
/// image specification (layer.md) become those of overlayfs. All calls block; needs root, for owners and devices.
final class StagingTree {
    private let root: Int32
    private let path: FilePath
    /// Folders whose times are set at the end, since every member changes them.
    private var folderTimes: [(path: String, seconds: Int, nanoseconds: Int)] = []
    /// The folder of the last member: most members follow a neighbour.
    private var lastParent: (path: String, descriptor: Int32)?
    /// Members of this layer that took the place of a whiteout of the same name.
    private(set) var hasSparseFiles = false

    /// Opens an existing empty folder.
    init(_ path: FilePath) throws(EngineError) {
        self.path = path
        root = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard root >= 0 else { throw Self.failure("'\(path)' cannot be opened") }
    }

    deinit {
        if let lastParent { close(lastParent.descriptor) }
        close(root)
    }

    /// Unpacks a whole archive.
    func unpack(_ archive: ArchiveReader) throws(EngineError) {
        while let entry = try archive.next() { try add(entry, from: archive) }
        try setFolderTimes()
    }

    // MARK: Members

    private func add(_ entry: OpaquePointer, from archive: ArchiveReader) throws(EngineError) {
        guard let raw = archive_entry_pathname(entry) else {
            throw EngineError(.corruptData, "the archive has a member without a name")
        }
        let name = String(cString: raw)
        guard let components = Self.components(of: name) else {
            throw EngineError(
                .corruptData, "the archive's member '\(name)' points outside of the image",
                hint: "Nothing of the archive was taken. Make it anew without '..' in names.")
        }
        guard let last = components.last else { return try setRootMetadata(entry) }
        let folderPath = components.dropLast().joined(separator: "/")
        let folder = try parent(folderPath)
        if last.hasPrefix(".wh.") { return try addWhiteout(String(last), in: folder, shown: name) }
        try addMember(entry, named: last, in: folder, path: components.joined(separator: "/"), from: archive)
    }

    private func addMember(
        _ entry: OpaquePointer, named name: String, in folder: Int32, path: String, from archive: ArchiveReader
    ) throws(EngineError) {
        if let target = archive_entry_hardlink(entry) {
            return try link(name, in: folder, to: String(cString: target), path: path)
        }
        let mode = archive_entry_perm(entry)
        switch UInt32(archive_entry_filetype(entry)) {
        case S_IFREG: try addFile(entry, name, in: folder, path: path, from: archive)
        case S_IFDIR: try addFolder(entry, name, in: folder, path: path)
        case S_IFLNK:
            try clear(name, in: folder)
            let target = archive_entry_symlink(entry).map { String(cString: $0) } ?? ""
            guard symlinkat(target, folder, name) == 0 else { throw Self.failure("the link '\(path)' cannot be made") }
        case S_IFCHR, S_IFBLK, S_IFIFO:
            let type = UInt32(archive_entry_filetype(entry))
            let (major, minor) = (UInt32(archive_entry_rdevmajor(entry)), UInt32(archive_entry_rdevminor(entry)))
            guard type != S_IFCHR || major != 0 || minor != 0 else {
                // overlayfs takes this device for a whiteout.
                throw EngineError(
                    .corruptData, "the archive's member '\(path)' is the device 0:0, which no image may have")
            }
            try clear(name, in: folder)
            let device = type == S_IFIFO ? 0 : UInt(tandem_device(major, minor))
            guard mknodat(folder, name, type | mode, device) == 0 else {
                throw Self.failure("the device '\(path)' cannot be made")
            }
        case S_IFSOCK: return
        default:
            throw EngineError(.corruptData, "the archive's member '\(path)' has a type that images do not have")
        }
        try setMetadata(entry, name, in: folder, path: path)
    }

    private func addFile(
        _ entry: OpaquePointer, _ name: String, in folder: Int32, path: String, from archive: ArchiveReader
    ) throws(EngineError) {
        try clear(name, in: folder)
        let file = tandem_openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("'\(path)' cannot be made") }
        defer { close(file) }
        let size = archive_entry_size(entry)
        var written: Int64 = 0
        try archive.forEachBlock { (block, offset) throws(EngineError) in
            var done = 0
            while done < block.count {
                let count = pwrite(file, block.baseAddress.map { $0 + done }, block.count - done, Int(offset) + done)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw Self.failure("'\(path)' cannot be written") }
                done += count
            }
            written += Int64(block.count)
        }
        if written < size {
            hasSparseFiles = true
            guard ftruncate(file, Int(size)) == 0 else { throw Self.failure("'\(path)' cannot be written") }
        }
    }

    private func addFolder(_ entry: OpaquePointer, _ name: String, in folder: Int32, path: String) throws(EngineError) {
        if mkdirat(folder, name, 0o755) == 0 { return noteTimes(entry, path) }
        guard errno == EEXIST else { throw Self.failure("the folder '\(path)' cannot be made") }
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw Self.failure("'\(path)' cannot be read")
        }
        if status.st_mode & S_IFMT != S_IFDIR {
            // A whiteout before it means that nothing below shows through.
            let wasWhiteout = status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0
            try clear(name, in: folder)
            guard mkdirat(folder, name, 0o755) == 0 else { throw Self.failure("the folder '\(path)' cannot be made") }
            if wasWhiteout { try makeOpaque(name, in: folder, shown: path) }
        }
        noteTimes(entry, path)
    }

    private func link(_ name: String, in folder: Int32, to target: String, path: String) throws(EngineError) {
        guard let components = Self.components(of: target), let last = components.last else {
            throw EngineError(
                .corruptData, "the archive's hard link '\(path)' points outside of the image to '\(target)'",
                hint: "Nothing of the archive was taken.")
        }
        let targetFolder = open(components.dropLast().joined(separator: "/"), O_PATH | O_DIRECTORY)
        guard targetFolder >= 0 else {
            throw EngineError(
                .corruptData, "the archive's hard link '\(path)' points to '\(target)', which is not there")
        }
        defer { close(targetFolder) }
        var status = stat()
        // Not following: the target is the link itself if it is one. A whiteout is no file.
        guard fstatat(targetFolder, last, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT != S_IFDIR,
            !(status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0)
        else {
            throw EngineError(
                .corruptData, "the archive's hard link '\(path)' points to '\(target)', which is not there")
        }
        var present = stat()
        if fstatat(folder, name, &present, AT_SYMLINK_NOFOLLOW) == 0, present.st_ino == status.st_ino { return }
        try clear(name, in: folder)
        guard linkat(targetFolder, last, folder, name, 0) == 0 else {
            throw Self.failure("the hard link '\(path)' cannot be made")
        }
    }

    // MARK: Whiteouts

    private func addWhiteout(_ name: String, in folder: Int32, shown: String) throws(EngineError) {
        if name == ".wh..wh..opq" { return try setOpaque(folder, shown: shown) }
        // aufs kept its own files under such names.
        if name.hasPrefix(".wh..wh.") { return }
        let hidden = String(name.dropFirst(4))
        guard !hidden.isEmpty, hidden != ".", hidden != ".." else {
            throw EngineError(.corruptData, "the archive's member '\(shown)' hides nothing that an image may have")
        }
        var status = stat()
        if fstatat(folder, hidden, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            // It hides what lower layers have, not what this one brings.
            if status.st_mode & S_IFMT == S_IFDIR { try makeOpaque(hidden, in: folder, shown: shown) }
            return
        }
        guard mknodat(folder, hidden, S_IFCHR, 0) == 0 else {
            throw Self.failure("the whiteout '\(shown)' cannot be made")
        }
    }

    private func makeOpaque(_ name: String, in folder: Int32, shown: String) throws(EngineError) {
        let inner = tandem_openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard inner >= 0 else { throw Self.failure("the folder '\(shown)' cannot be opened") }
        defer { close(inner) }
        try setOpaque(inner, shown: shown)
    }

    private func setOpaque(_ folder: Int32, shown: String) throws(EngineError) {
        // A descriptor that was opened as a mere path takes no attributes itself.
        guard setxattr("/proc/self/fd/\(folder)", "trusted.overlay.opaque", "y", 1, 0) == 0 else {
            throw Self.failure("the folder of '\(shown)' cannot be made opaque")
        }
    }

    // MARK: Metadata

    private func setRootMetadata(_ entry: OpaquePointer) throws(EngineError) {
        guard UInt32(archive_entry_filetype(entry)) == S_IFDIR else { return }
        _ = fchown(root, UInt32(archive_entry_uid(entry)), UInt32(archive_entry_gid(entry)))
        _ = fchmod(root, archive_entry_perm(entry))
        noteTimes(entry, "")
    }

    private func setMetadata(_ entry: OpaquePointer, _ name: String, in folder: Int32, path: String) throws(EngineError)
    {
        let owned = fchownat(
            folder, name, UInt32(truncatingIfNeeded: archive_entry_uid(entry)),
            UInt32(truncatingIfNeeded: archive_entry_gid(entry)), AT_SYMLINK_NOFOLLOW)
        guard owned == 0 else { throw Self.failure("the owner of '\(path)' cannot be set") }
        let isLink = UInt32(archive_entry_filetype(entry)) == S_IFLNK
        // After the owner: a change of owner takes the set-user-ID bit away.
        if !isLink {
            guard fchmodat(folder, name, archive_entry_perm(entry), 0) == 0 else {
                throw Self.failure("the mode of '\(path)' cannot be set")
            }
        }
        try setAttributes(entry, name, in: folder, path: path)
        _ = tandem_set_times(
            folder, name, Int64(archive_entry_mtime(entry)), archive_entry_mtime_nsec(entry), AT_SYMLINK_NOFOLLOW)
    }

    /// Extended attributes that mean something in an image.
    ///
    /// Those of overlayfs itself would redirect it.
    private func setAttributes(_ entry: OpaquePointer, _ name: String, in folder: Int32, path: String)
        throws(EngineError)
    {
        guard archive_entry_xattr_reset(entry) > 0 else { return }
        var key: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK {
            guard let key else { continue }
            let text = String(cString: key)
            guard text.hasPrefix("user.") || text == "security.capability" || text.hasPrefix("system.posix_acl_") else {
                continue
            }
            // There is no setxattrat before Linux 6.13: by way of the folder's descriptor, not following the last part.
            guard
                lsetxattr("/proc/self/fd/\(folder)/\(name)", key, value, size, 0) == 0 || errno == EOPNOTSUPP
                    || errno == EPERM
            else { throw Self.failure("the attribute '\(text)' of '\(path)' cannot be set") }
        }
    }

    private func noteTimes(_ entry: OpaquePointer, _ path: String) {
        folderTimes.append((path, Int(archive_entry_mtime(entry)), Int(archive_entry_mtime_nsec(entry))))
    }

    private func setFolderTimes() throws(EngineError) {
        for folder in folderTimes.reversed() {
            let descriptor = open(folder.path, O_PATH | O_DIRECTORY | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            _ = tandem_set_times(
                AT_FDCWD, "/proc/self/fd/\(descriptor)", Int64(folder.seconds), folder.nanoseconds, 0)
            close(descriptor)
        }
    }

    // MARK: Paths

    /// The parts of a member's name; `nil` if it climbs.
    static func components(of name: String) -> [String]? {
        let parts = name.split(separator: "/").map(String.init).filter { $0 != "." }
        return parts.contains("..") ? nil : parts
    }

    private func open(_ path: String, _ flags: Int32) -> Int32 {
        tandem_open_in_root(root, path.isEmpty ? "." : path, UInt64(flags | O_CLOEXEC), 0)
    }

    /// The folder of a member, made with its own parents where the archive has not named them.
    private func parent(_ path: String) throws(EngineError) -> Int32 {
        if let lastParent, lastParent.path == path { return lastParent.descriptor }
        var descriptor = open(path, O_PATH | O_DIRECTORY)
        if descriptor < 0 && (errno == ENOENT || errno == ENOTDIR) {
            try makeFolders(path)
            descriptor = open(path, O_PATH | O_DIRECTORY)
        }
        guard descriptor >= 0 else { throw Self.failure("the folder '\(path)' cannot be made") }
        if let lastParent { close(lastParent.descriptor) }
        lastParent = (path, descriptor)
        return descriptor
    }

    private func makeFolders(_ path: String) throws(EngineError) {
        var made = ""
        for part in path.split(separator: "/") {
            let above = made
            made += made.isEmpty ? String(part) : "/\(part)"
            let present = open(made, O_PATH | O_DIRECTORY)
            if present >= 0 {
                close(present)
                continue
            }
            let folder = open(above, O_PATH | O_DIRECTORY)
            guard folder >= 0 else { throw Self.failure("the folder '\(above)' cannot be opened") }
            defer { close(folder) }
            // What stands there is no folder: the later member wins, as for any other name.
            try clear(String(part), in: folder)
            guard mkdirat(folder, String(part), 0o755) == 0 else {
                throw Self.failure("the folder '\(made)' cannot be made")
            }
        }
    }

    /// Removes what an earlier member has left under a name.
    private func clear(_ name: String, in folder: Int32) throws(EngineError) {
        if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return }
        if errno == EISDIR || errno == EPERM {
            if let lastParent {
                close(lastParent.descriptor)
                self.lastParent = nil
            }
            try Folders.remove(FilePath("/proc/self/fd/\(folder)").appending(name))
            return
        }
        throw Self.failure("'\(name)' cannot be replaced")
    }

    static func failure(_ what: String) -> EngineError {
        let number = errno
        let code: EngineError.Code =
            switch number {
            case ENOSPC, EDQUOT: .resourceExhausted
            case EPERM, EACCES, EROFS: .permissionDenied
            case ELOOP, ENOTDIR, ENAMETOOLONG: .corruptData
            default: .internal
            }
        return EngineError(
            code, "\(what): \(String(cString: strerror(number)))",
            hint: number == ENOSPC
                ? "Free some space on the data root's file system, or move it with --data-root." : nil)
    }
}
