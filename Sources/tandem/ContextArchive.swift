// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import Glibc

/// Packs a folder as the context of a build, as docker does: everything belongs to root, and what `.dockerignore` leaves
/// out stays behind.
final class ContextArchive {
    private let root: String?
    private let patterns: IgnorePatterns?
    /// Files that are sent whatever the patterns say.
    private let always: [String]
    private let replaced: [String: [UInt8]]
    /// Paths that are still to be packed, the next one last.
    private var pending: [String]
    private var file: (descriptor: Int32, left: Int, padding: Int)?
    private var remaining: [(name: String, content: [UInt8])]
    private var isFinished = false

    init(_ root: String?, patterns: IgnorePatterns?, always: [String], replaced: [String: [UInt8]]) throws {
        self.root = root
        self.patterns = patterns
        self.always = always
        self.replaced = replaced
        pending = []
        remaining = replaced.sorted { $0.key < $1.key }.map { (name: $0.key, content: $0.value) }
        if root != nil { pending = try Self.names(in: root ?? "").reversed() }
    }

    deinit { if let file { close(file.descriptor) } }

    /// The next bytes; `nil` at the end.
    func next() throws -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < 1 << 17, !isFinished {
            if file != nil { try addContent(to: &bytes) } else { try addMember(to: &bytes) }
        }
        return bytes.isEmpty ? nil : bytes
    }

    private func addMember(to bytes: inout [UInt8]) throws {
        if let path = pending.popLast() { return try add(path, to: &bytes) }
        if let document = remaining.popLast() {
            let header = ContextHeader(path: document.name, mode: 0o600, type: 0x30, size: document.content.count)
            bytes += header.encoded() + document.content + ContextHeader.padding(after: document.content.count)
            return
        }
        bytes += [UInt8](repeating: 0, count: 1_024)
        isFinished = true
    }

    private func add(_ path: String, to bytes: inout [UInt8]) throws {
        guard replaced[path] == nil, let root else { return }
        var status = stat()
        let whole = "\(root)/\(path)"
        guard lstat(whole, &status) == 0 else {
            // It has gone meanwhile.
            guard errno != ENOENT else { return }
            throw Self.failure("lstat", whole)
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if let patterns, patterns.ignores(path), !always.contains(path) {
            // An exception may let in again what lies in it, and so may our own files.
            guard isFolder, patterns.hasExceptions || always.contains(where: { $0.hasPrefix(path + "/") }) else {
                return
            }
            pending += try Self.names(in: whole).reversed().map { "\(path)/\($0)" }
            return
        }
        var header = ContextHeader(path: path, mode: status.st_mode & 0o7777, type: 0x30, size: 0)
        header.seconds = status.st_mtim.tv_sec
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            header.path += "/"
            header.type = 0x35
            pending += try Self.names(in: whole).reversed().map { "\(path)/\($0)" }
        case S_IFLNK:
            header.type = 0x32
            header.mode = 0o777
            var target = [CChar](repeating: 0, count: 4_097)
            guard readlink(whole, &target, 4_096) >= 0 else { throw Self.failure("readlink", whole) }
            header.link = target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        case S_IFREG:
            let descriptor = open(whole, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure("open", whole) }
            header.size = Int(status.st_size)
            file = (descriptor, header.size, ContextHeader.padding(after: header.size).count)
        case S_IFIFO: header.type = 0x36
        default: return
        }
        bytes += header.encoded()
    }

    private func addContent(to bytes: inout [UInt8]) throws {
        guard var present = file else { return }
        if present.left > 0 {
            let wanted = min(present.left, 1 << 17)
            let start = bytes.count
            bytes += [UInt8](repeating: 0, count: wanted)
            let count = bytes.withUnsafeMutableBytes {
                read(present.descriptor, $0.baseAddress.map { $0 + start }, wanted)
            }
            guard count >= 0 else { throw Self.failure("read", "a file of the context") }
            // A file that has shrunk meanwhile ends in zeroes.
            bytes.removeLast(count == 0 ? 0 : wanted - count)
            present.left -= count == 0 ? wanted : count
        }
        if present.left == 0 {
            bytes += [UInt8](repeating: 0, count: present.padding)
            close(present.descriptor)
            file = nil
        } else {
            file = present
        }
    }

    private static func names(in folder: String) throws -> [String] {
        guard let stream = opendir(folder) else { throw failure("open", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func failure(_ call: String, _ path: String) -> CommandFailure {
        CommandFailure(
            1, "error checking context: \(call) \(path): \(String(cString: strerror(errno)))",
            hint: "Leave it out with .dockerignore if the build does not need it.")
    }
}

/// The header of one member: ustar, with a pax header before it for what that cannot hold.
struct ContextHeader {
    var path: String
    var mode: UInt32
    var type: UInt8
    var size: Int
    var seconds = 0
    var link: [UInt8] = []

    /// Zeroes up to the next block.
    static func padding(after size: Int) -> [UInt8] { [UInt8](repeating: 0, count: (512 - size % 512) % 512) }

    func encoded() -> [UInt8] {
        let name = Array(path.utf8)
        var records: [UInt8] = []
        if name.count > 100 || name.contains(where: { $0 >= 0x80 }) { records += Self.record("path", name) }
        if link.count > 100 || link.contains(where: { $0 >= 0x80 }) { records += Self.record("linkpath", link) }
        if size > 0o77_777_777_777 { records += Self.record("size", Array(String(size).utf8)) }
        guard !records.isEmpty else { return block(name) }
        let extended = ContextHeader(path: "PaxHeaders.0", mode: 0o644, type: 0x78, size: records.count)
        return extended.block(Array("PaxHeaders.0".utf8)) + records + Self.padding(after: records.count) + block(name)
    }

    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = key.utf8.count + value.count + 3
        var length = rest + String(rest).count
        if String(length).count > String(rest).count { length += 1 }
        return Array("\(length) \(key)=".utf8) + value + [0x0A]
    }

    private func block(_ name: [UInt8]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, _ position: Int, _ length: Int) {
            for (index, byte) in bytes.prefix(length).enumerated() { block[position + index] = byte }
        }
        func put(_ number: Int, _ position: Int, _ length: Int) {
            let digits = String(max(0, number), radix: 8)
            put((String(repeating: "0", count: max(0, length - 1 - digits.count)) + digits).utf8, position, length - 1)
        }
        put(name, 0, 100)
        put(Int(mode), 100, 8)
        put(0, 108, 8)
        put(0, 116, 8)
        put(size > 0o77_777_777_777 ? 0 : size, 124, 12)
        put(seconds, 136, 12)
        block[156] = type
        put(link, 157, 100)
        put("ustar\u{0}00".utf8, 257, 8)
        // The sum counts its own place as blanks.
        put("        ".utf8, 148, 8)
        put(block.reduce(0) { $0 + Int($1) }, 148, 7)
        block[154] = 0
        block[155] = 0x20
        return block
    }
}
