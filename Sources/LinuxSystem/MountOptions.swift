// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Options as mount(8) writes them, split into what mount(2) takes as flags and what it passes to the file system.
public struct MountOptions: Sendable, Hashable {
    /// Flags of mount(2) without those of propagation.
    public private(set) var flags: UInt = 0
    /// `MS_PRIVATE` and its like; zero if none was named.
    public private(set) var propagation: UInt = 0
    /// What only the file system understands.
    public var data: [String] = []

    private static let set: [String: Int] = [
        "ro": MS_RDONLY, "nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC, "sync": MS_SYNCHRONOUS,
        "dirsync": MS_DIRSYNC, "mand": MS_MANDLOCK, "noatime": MS_NOATIME, "nodiratime": MS_NODIRATIME,
        "bind": MS_BIND, "rbind": MS_BIND | MS_REC, "relatime": MS_RELATIME, "strictatime": MS_STRICTATIME,
    ]

    private static let cleared: [String: Int] = [
        "rw": MS_RDONLY, "suid": MS_NOSUID, "dev": MS_NODEV, "exec": MS_NOEXEC, "async": MS_SYNCHRONOUS,
        "nomand": MS_MANDLOCK, "atime": MS_NOATIME, "diratime": MS_NODIRATIME, "norelatime": MS_RELATIME,
        "nostrictatime": MS_STRICTATIME, "defaults": 0,
    ]

    private static let propagations: [String: Int] = [
        "private": MS_PRIVATE, "rprivate": MS_PRIVATE | MS_REC, "shared": MS_SHARED, "rshared": MS_SHARED | MS_REC,
        "slave": MS_SLAVE, "rslave": MS_SLAVE | MS_REC, "unbindable": MS_UNBINDABLE,
        "runbindable": MS_UNBINDABLE | MS_REC,
    ]

    /// Reads a list separated by commas; later words win.
    public init(_ text: String) {
        for word in text.split(separator: ",").map(String.init) {
            if let flag = Self.set[word] {
                flags |= UInt(flag)
            } else if let flag = Self.cleared[word] {
                flags &= ~UInt(flag)
            } else if let value = Self.propagations[word] {
                propagation = UInt(value)
            } else {
                data.append(word)
            }
        }
    }

    /// Whether a place that is there already is shown again.
    public var isBind: Bool { flags & UInt(MS_BIND) != 0 }
    /// Whether nothing can be written.
    public var isReadOnly: Bool { flags & UInt(MS_RDONLY) != 0 }
}
