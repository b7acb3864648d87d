// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The numbers behind `USER[:GROUP]`, looked up inside the workload's root.
struct UserLookup {
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var groups: [UInt32] = []
    var home: Bytes = []

    /// Resolves as Docker does: a number needs no entry; the group defaults to the user's own, else to 0; without a
    /// group in the request, the user's further groups of `/etc/group` are joined.
    ///
    /// - Returns: What could not be found.
    mutating func resolve(user specification: Bytes, additional: [Bytes]) -> LaunchFailure? {
        let parts = specification.split(separator: 0x3A, maxSplits: 1, omittingEmptySubsequences: false).map {
            Bytes($0)
        }
        let userText = parts.first ?? []
        let groupText = parts.count > 1 ? parts[1] : []
        let accounts = readFile(bytes("/etc/passwd")) ?? []
        let groupFile = readFile(bytes("/etc/group")) ?? []
        var name: Bytes = []
        if let account = Self.account(userText.isEmpty ? [0x30] : userText, accounts) {
            (uid, gid, home, name) = (account.uid, account.gid, account.home, account.name)
        } else if let number = decimal(userText), number <= Int32.max {
            uid = number
        } else if !userText.isEmpty {
            return LaunchFailure(.user, errno: ENOENT, object: userText)
        }
        if groupText.isEmpty {
            groups = Self.memberships(of: name, groupFile)
        } else {
            guard let number = Self.group(groupText, groupFile) else {
                return LaunchFailure(.group, errno: ENOENT, object: groupText)
            }
            gid = number
        }
        for text in additional {
            guard let number = Self.group(text, groupFile) else {
                return LaunchFailure(.group, errno: ENOENT, object: text)
            }
            // The user may be a member already.
            if !groups.contains(number) { groups.append(number) }
        }
        if !groups.contains(gid) { groups.append(gid) }
        if home.isEmpty { home = [0x2F] }
        return nil
    }

    private struct Account {
        var name: Bytes
        var uid: UInt32
        var gid: UInt32
        var home: Bytes
    }

    /// The first line of passwd(5) whose name, or number, is `key`.
    private static func account(_ key: Bytes, _ file: Bytes) -> Account? {
        let number = decimal(key)
        for line in split(file, at: 0x0A) {
            let fields = split(Bytes(line), at: 0x3A)
            guard fields.count >= 7, let uid = decimal(fields[2]), let gid = decimal(fields[3]) else { continue }
            if Bytes(fields[0]) == key || uid == number {
                return Account(name: Bytes(fields[0]), uid: uid, gid: gid, home: Bytes(fields[5]))
            }
        }
        return nil
    }

    /// The number of a group of group(5), given by name or number.
    private static func group(_ key: Bytes, _ file: Bytes) -> UInt32? {
        for line in split(file, at: 0x0A) {
            let fields = split(Bytes(line), at: 0x3A)
            if fields.count >= 3, Bytes(fields[0]) == key, let number = decimal(fields[2]) { return number }
        }
        return decimal(key)
    }

    /// Groups of group(5) that list the user.
    private static func memberships(of name: Bytes, _ file: Bytes) -> [UInt32] {
        guard !name.isEmpty else { return [] }
        var found: [UInt32] = []
        for line in split(file, at: 0x0A) {
            let fields = split(Bytes(line), at: 0x3A)
            guard fields.count >= 4, let number = decimal(fields[2]) else { continue }
            for member in split(Bytes(fields[3]), at: 0x2C) where Bytes(member) == name { found.append(number) }
        }
        return found
    }
}
