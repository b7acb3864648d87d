// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
public import SystemPackage
public import TandemModel

/// Mounts in our own mount namespace.
public enum MountPoint {
    /// Mounts an EROFS file read-only on an existing folder: the file itself where the kernel can (6.12 and later),
    /// else through a loop device.
    ///
    /// Blocks.
    public static func mountErofs(_ file: FilePath, on folder: FilePath) throws(EngineError) {
        let flags = UInt(MS_RDONLY | MS_NODEV)
        var result = call(source: file.string, target: folder, type: "erofs", flags: flags)
        if result != 0 && errno == ENOTBLK {
            guard let device = LoopDevice.attach(file) else {
                throw failure("no loop device can be had for '\(file)'", hint: "Load the kernel module 'loop'.")
            }
            result = call(source: device.path, target: folder, type: "erofs", flags: flags)
            let problem = errno
            close(device.descriptor)
            errno = problem
        }
        guard result == 0 else {
            throw failure(
                "'\(file)' cannot be mounted", hint: "The kernel needs EROFS: `modprobe erofs`, then `tandem doctor`.")
        }
    }

    /// Mounts what a source and options as of mount(8) name, as dockerd does for its volumes: without mount(8)'s helpers.
    ///
    /// Blocks.
    public static func mount(
        _ source: String, on folder: FilePath, type: String, options: MountOptions
    ) throws(EngineError) {
        let shown = "'\(source)' cannot be mounted on '\(folder)'"
        let data = options.data.joined(separator: ",")
        let first = folder.withPlatformString { target in
            Glibc.mount(source, target, type, options.flags, data.isEmpty ? nil : data)
        }
        guard first == 0 else { throw failure(shown) }
        do throws(EngineError) {
            if options.propagation != 0 {
                guard call(source: nil, target: folder, type: nil, flags: options.propagation) == 0 else {
                    throw failure(shown)
                }
            }
            // A bind takes no other flag at first.
            if options.isBind, options.isReadOnly {
                let flags = options.flags | UInt(MS_REMOUNT)
                guard call(source: nil, target: folder, type: nil, flags: flags) == 0 else { throw failure(shown) }
            }
        } catch {
            _ = folder.withPlatformString { umount2($0, Int32(MNT_DETACH) | noFollow) }
            throw error
        }
    }

    /// Stacks folders, the highest last, as a file system that nobody can change and no path leads to.
    ///
    /// `names` lie in `folder`; `place` is an empty folder that is needed for a moment. Blocks.
    ///
    /// - Returns: A descriptor of its root, with which it goes.
    public static func openOverlay(
        of names: [String], in folder: FilePath, by place: FilePath
    ) throws(EngineError) -> Int32 {
        // The option must stay below a page, so the layers are named relative to their folder.
        let options = "lowerdir=" + names.reversed().joined(separator: ":")
        var result: Int32 = -1
        var problem: Int32 = 0
        let prepared = FolderThread.run(in: folder) {
            result = place.withPlatformString {
                Glibc.mount("overlay", $0, "overlay", UInt(MS_RDONLY | MS_NODEV), options)
            }
            problem = errno
        }
        errno = prepared == 0 ? problem : prepared
        guard result == 0 else { throw failure("the layers in '\(folder)' cannot be stacked") }
        let root = place.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        let opening = errno
        _ = place.withPlatformString { umount2($0, Int32(MNT_DETACH) | noFollow) }
        errno = opening
        guard root >= 0 else { throw failure("the layers in '\(folder)' cannot be opened") }
        return root
    }

    /// Whether something is mounted on a folder.
    public static func isMounted(_ folder: FilePath) -> Bool { targets(below: folder).contains(folder) }

    /// Shows a file or folder of the host at a second place.
    ///
    /// Blocks.
    public static func bind(
        _ source: FilePath, on target: FilePath, readOnly: Bool, recursive: Bool = true
    ) throws(EngineError) {
        let flags = UInt(recursive ? MS_BIND | MS_REC : MS_BIND)
        guard call(source: source.string, target: target, type: nil, flags: flags) == 0,
            call(source: nil, target: target, type: nil, flags: UInt(MS_PRIVATE | MS_REC)) == 0
        else { throw failure("'\(source)' cannot be shared") }
        guard readOnly else { return }
        let tree = target.withPlatformString { tandem_openat(AT_FDCWD, $0, O_PATH | O_CLOEXEC, 0) }
        defer { if tree >= 0 { close(tree) } }
        guard tree >= 0, tandem_set_tree_read_only(tree) == 0 else {
            throw failure("'\(source)' cannot be shared read-only")
        }
    }

    /// `UMOUNT_NOFOLLOW`, which Swift does not import.
    private static let noFollow: Int32 = 8

    /// Detaches whatever is mounted on a folder; nothing mounted is no failure.
    ///
    /// Blocks.
    public static func detach(_ folder: FilePath) throws(EngineError) {
        while folder.withPlatformString({ umount2($0, Int32(MNT_DETACH) | noFollow) }) == 0 {}
        guard errno == EINVAL || errno == ENOENT else { throw failure("'\(folder)' cannot be unmounted") }
    }

    /// The mount that a path lies on, and how it passes mounts on and takes them.
    public static func propagation(of path: FilePath) -> (mount: FilePath, isShared: Bool, isSlave: Bool)? {
        // Without /proc nothing is known.
        let text = ownMountInformation
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        let place = FilePath(String(cString: resolved))
        var found: (mount: FilePath, isShared: Bool, isSlave: Bool)?
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6 else { continue }
            let mount = FilePath(unescaped(String(fields[4])))
            // Of mounts on one place the last one is on top.
            guard place.starts(with: mount), mount.length >= found?.mount.length ?? 0 else { continue }
            let options = fields[6...].prefix { $0 != "-" }
            found = (
                mount, options.contains { $0.hasPrefix("shared:") }, options.contains { $0.hasPrefix("master:") }
            )
        }
        return found
    }

    /// The targets of all mounts at or below a folder, deepest first.
    public static func targets(below folder: FilePath) -> [FilePath] {
        // Without /proc nothing is found.
        let text = ownMountInformation
        return text.split(separator: "\n").compactMap { line -> FilePath? in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count > 4 else { return nil }
            let path = FilePath(unescaped(String(fields[4])))
            return path.starts(with: folder) ? path : nil
        }.reversed()
    }

    /// The process's mounts, proc_pid_mountinfo(5); empty without /proc.
    ///
    /// One path that is not UTF-8 must not hide all others.
    static var ownMountInformation: String {
        KernelFile.text("/proc/self/mountinfo") ?? ""
    }

    /// proc_pid_mountinfo(5) writes space, tab, newline and backslash as octal numbers.
    private static func unescaped(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var result = text
        for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
            result = result.replacing(code, with: character)
        }
        return result
    }

    private static func call(source: String?, target: FilePath, type: String?, flags: UInt) -> Int32 {
        target.withPlatformString { target in
            // Swift passes NULL for nil.
            Glibc.mount(source, target, type, flags, nil)
        }
    }

    private static func failure(_ what: String, hint: String? = nil) -> EngineError {
        let number = errno
        let code: EngineError.Code =
            number == EPERM || number == EACCES ? .permissionDenied : number == ENODEV ? .unsupported : .internal
        return EngineError(code, "\(what): \(String(cString: strerror(number)))", hint: hint)
    }
}
