// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// One device node of the host.
public struct HostDevice: Sendable {
    /// Path on the host.
    public var path: String
    /// Type and permission bits.
    public var mode: UInt32
    /// Major number.
    public var major: UInt32
    /// Minor number.
    public var minor: UInt32
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32

    /// Whether it is a block device.
    public var isBlock: Bool { mode & S_IFMT == S_IFBLK }
}

/// The device nodes below /dev, as a privileged container sees them.
public enum HostDevices {
    /// Folders of pseudo file systems, which every workload has for itself.
    private static let skipped: Set<String> = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]

    /// All of them but the terminals of others.
    public static func all() -> [HostDevice] { nodes(in: "/dev", depth: 0) }

    /// The device at a path, or those in the folder there, each with what its path has beyond that one.
    public static func at(_ path: String) -> [(device: HostDevice, suffix: String)] {
        guard let resolved = realpath(path, nil) else { return [] }
        defer { free(resolved) }
        let place = FilePath(String(cString: resolved))
        if let device = device(at: place) { return [(device, "")] }
        return nodes(in: place, depth: 0).map { ($0, String($0.path.dropFirst(place.string.count))) }
    }

    private static func device(at path: FilePath) -> HostDevice? {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0,
            [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT)
        else { return nil }
        return HostDevice(
            path: path.string, mode: status.st_mode, major: tandem_major(UInt64(status.st_rdev)),
            minor: tandem_minor(UInt64(status.st_rdev)), uid: status.st_uid, gid: status.st_gid)
    }

    private static func nodes(in folder: FilePath, depth: Int) -> [HostDevice] {
        guard depth < 8 else { return [] }
        var found: [HostDevice] = []
        for name in Folders.names(in: folder) where !skipped.contains(name) {
            let path = folder.appending(name)
            var status = stat()
            guard path.withPlatformString({ lstat($0, &status) }) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: found += nodes(in: path, depth: depth + 1)
            case S_IFCHR, S_IFBLK:
                guard name != "console", name != "ptmx", let device = device(at: path) else { continue }
                found.append(device)
            default: break
            }
        }
        return found
    }
}
