// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import TandemModel

/// Owners by name, as an image's own files know them.
enum OwnerNames {
    /// `USER[:GROUP]`, names or numbers; a user without a group has the one of the same number.
    ///
    /// `root` is the image's; -1 if it has no files. Blocks.
    static func owner(_ text: String, in root: Int32) throws(EngineError) -> Owner {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let user = try number(parts[0], in: "etc/passwd", of: root, "user")
        // As dockerd's parseChownFlag: a user alone stands for both.
        let group =
            parts.count > 1
            ? try number(parts[1], in: "etc/group", of: root, "group")
            : UInt32(parts[0]) ?? (try? number(parts[0], in: "etc/group", of: root, "group")) ?? user
        return Owner(user: user, group: group)
    }

    private static func number(
        _ name: String, in file: String, of root: Int32, _ what: String
    ) throws(EngineError) -> UInt32 {
        if let number = UInt32(name) { return number }
        for line in lines(of: file, in: root) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[0] == name, let number = UInt32(fields[2]) { return number }
        }
        throw EngineError(
            .invalidArgument,
            "unable to convert uid/gid chown string to host mapping: can't find \(what == "user" ? "uid" : "gid") for \(what) \(name): no such \(what): \(name)",
            hint: "The image's /\(file) lists the names that it knows.")
    }

    private static func lines(of file: String, in root: Int32) -> [Substring] {
        guard root >= 0 else { return [] }
        let descriptor = tandem_open_in_root(root, file, UInt64(O_RDONLY | O_NONBLOCK | O_CLOEXEC), 0)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while content.count < 1 << 24 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            content += buffer[..<count]
        }
        return String(decoding: content, as: UTF8.self).split(separator: "\n")
    }
}
