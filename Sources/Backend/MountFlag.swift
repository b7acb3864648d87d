// SPDX-License-Identifier: Apache-2.0

/// Flags of mount(2) with words for names.
enum MountFlag {
    static let readOnly: UInt64 = 1
    static let noSetUser: UInt64 = 2
    static let noDevices: UInt64 = 4
    static let noExecute: UInt64 = 8
    static let synchronous: UInt64 = 16
    static let remount: UInt64 = 32
    static let synchronousFolders: UInt64 = 128
    static let noAccessTimes: UInt64 = 1 << 10
    static let noFolderAccessTimes: UInt64 = 1 << 11
    static let bind: UInt64 = 1 << 12
    static let strictAccessTimes: UInt64 = 1 << 24

    /// `MS_PRIVATE` and its like, with `MS_REC` where the name begins with r.
    static func propagation(_ name: String) -> UInt64? {
        let recursive: UInt64 = 1 << 14
        return switch name {
        case "", "rprivate": 1 << 18 | recursive
        case "private": 1 << 18
        case "rslave": 1 << 19 | recursive
        case "slave": 1 << 19
        case "rshared": 1 << 20 | recursive
        case "shared": 1 << 20
        default: nil
        }
    }
}
