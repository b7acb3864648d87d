// SPDX-License-Identifier: Apache-2.0

/// The options of `--tmpfs`, split into flags of mount(2) and data for the file system.
struct TmpfsOptions {
    var flags: UInt64
    var data: String

    /// Docker's defaults are `noexec,nosuid,nodev`; what the user says comes after them.
    init(_ text: String, readOnly: Bool) {
        flags = MountFlag.noExecute | MountFlag.noSetUser | MountFlag.noDevices | (readOnly ? MountFlag.readOnly : 0)
        var rest: [Substring] = []
        for option in text.split(separator: ",") {
            switch option {
            case "ro": flags |= MountFlag.readOnly
            case "rw": flags &= ~MountFlag.readOnly
            case "exec": flags &= ~MountFlag.noExecute
            case "noexec": flags |= MountFlag.noExecute
            case "suid": flags &= ~MountFlag.noSetUser
            case "nosuid": flags |= MountFlag.noSetUser
            case "dev": flags &= ~MountFlag.noDevices
            case "nodev": flags |= MountFlag.noDevices
            case "noatime": flags |= MountFlag.noAccessTimes
            case "strictatime": flags |= MountFlag.strictAccessTimes
            case "nodiratime": flags |= MountFlag.noFolderAccessTimes
            case "sync": flags |= MountFlag.synchronous
            case "dirsync": flags |= MountFlag.synchronousFolders
            case "async", "atime", "defaults", "diratime", "norelatime", "nostrictatime", "relatime": break
            default: rest.append(option)
            }
        }
        data = rest.joined(separator: ",")
    }
}
