// SPDX-License-Identifier: Apache-2.0

import CLinux
public import SystemPackage

/// What kind of file system something lies on.
public enum FileSystemType {
    /// Magic numbers of linux/magic.h, and the words that dockerd has for them in `docker info`.
    private static let names: [UInt32: String] = [
        0xEF53: "extfs", 0x5846_5342: "xfs", 0x9123_683E: "btrfs", 0x0102_1994: "tmpfs", 0x794C_7630: "overlayfs",
        0x2FC1_2FC1: "zfs", 0xF2F5_2010: "f2fs", 0x6969: "nfs", 0x6573_5546: "fuse",
    ]

    /// The name of the file system on which a path lies; `<unknown>` for one that has none here, or if there is no such path.
    public static func name(of path: FilePath) -> String {
        var status = statfs()
        guard path.withPlatformString({ statfs($0, &status) }) == 0 else { return "<unknown>" }
        return names[UInt32(truncatingIfNeeded: status.f_type)] ?? "<unknown>"
    }
}
