// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import Glibc
import TandemModel

/// The context of a build as it is sent: a folder, or what standard input gives.
final class ContextSource {
    /// The Dockerfile's path in the context.
    let dockerfile: String
    /// From where the daemon fetches the context; `nil` if it is sent.
    let remote: String?
    private let archive: ContextArchive?
    /// Bytes that have been read ahead.
    private var first: [UInt8]?

    private init(dockerfile: String, archive: ContextArchive?, first: [UInt8]?, remote: String? = nil) {
        self.dockerfile = dockerfile
        self.archive = archive
        self.first = first
        self.remote = remote
    }

    /// What is sent in place of a Dockerfile that does not lie in the context.
    private static let foreign = ".dockerfile.tandem"

    static func open(_ path: String, dockerfile: String?) async throws -> ContextSource {
        guard path != "-" else { return try await standardInput(dockerfile) }
        var status = stat()
        let isRemote = ["http://", "https://", "git://", "git@", "github.com/"].contains { path.hasPrefix($0) }
        guard !isRemote || stat(path, &status) == 0 else {
            guard dockerfile != "-" else {
                throw CommandFailure(
                    1, "the Dockerfile of a context that is fetched cannot come from standard input",
                    hint: "Name its path in the context with -f, or send a folder.")
            }
            return ContextSource(dockerfile: dockerfile ?? "Dockerfile", archive: nil, first: nil, remote: path)
        }
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(
                1, "unable to prepare context: path \"\(path)\" not found", hint: "Name the folder of the Dockerfile.")
        }
        var replaced: [String: [UInt8]] = [:]
        var name = "Dockerfile"
        if dockerfile == "-" {
            name = foreign
            replaced[name] = try await all()
        } else if let dockerfile {
            let inside = relative(dockerfile, to: path)
            name = inside ?? foreign
            if inside == nil { replaced[name] = try read(dockerfile) }
        }
        var ignored = (try? read(path + "/.dockerignore")) ?? []  // most contexts have none
        let patterns: IgnorePatterns
        do {
            patterns = try IgnorePatterns(String(decoding: ignored, as: UTF8.self))
        } catch {
            throw CommandFailure(1, error.message, hint: error.hint)
        }
        if replaced[foreign] != nil {
            // It is no file of the context: nothing copies it.
            ignored += Array((ignored.isEmpty ? ".dockerignore\n\(foreign)\n" : "\n\(foreign)\n").utf8)
            replaced[".dockerignore"] = ignored
        }
        let archive = try ContextArchive(
            path, patterns: patterns, always: [name, ".dockerignore"], replaced: replaced)
        return ContextSource(dockerfile: name, archive: archive, first: nil)
    }

    /// An archive, or a Dockerfile that needs no context.
    private static func standardInput(_ dockerfile: String?) async throws -> ContextSource {
        var first: [UInt8] = []
        while first.count < 512, let bytes = await StandardInput.next() { first += bytes }
        guard !isArchive(first) else {
            return ContextSource(dockerfile: dockerfile ?? "Dockerfile", archive: nil, first: first)
        }
        while let bytes = await StandardInput.next() { first += bytes }
        let archive = try ContextArchive(nil, patterns: nil, always: [], replaced: ["Dockerfile": first])
        return ContextSource(dockerfile: "Dockerfile", archive: archive, first: nil)
    }

    private static func isArchive(_ bytes: [UInt8]) -> Bool {
        let magics: [[UInt8]] = [
            [0x1F, 0x8B], [0x42, 0x5A, 0x68], [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], [0x28, 0xB5, 0x2F, 0xFD],
        ]
        return magics.contains { bytes.starts(with: $0) }
            || (bytes.count >= 512 && bytes[257..<262].elementsEqual("ustar".utf8))
    }

    /// The next bytes; `nil` at the end.
    func next() async throws -> [UInt8]? {
        guard remote == nil else { return nil }
        if let archive { return try archive.next() }
        if let bytes = first {
            first = nil
            return bytes
        }
        return await StandardInput.next()
    }

    /// The path of a file in a folder; `nil` if it lies elsewhere.
    private static func relative(_ file: String, to folder: String) -> String? {
        guard let root = realpath(folder, nil) else { return nil }
        defer { free(root) }
        // As docker: from the working directory, and if it is not there from the context.
        guard let whole = realpath(file, nil) ?? realpath("\(folder)/\(file)", nil) else { return file }
        defer { free(whole) }
        let (base, path) = (String(cString: root), String(cString: whole))
        let prefix = base == "/" ? "/" : base + "/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
    }

    private static func all() async throws -> [UInt8] {
        var content: [UInt8] = []
        while let bytes = await StandardInput.next() { content += bytes }
        return content
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(1, "open \(path): \(String(cString: strerror(errno)))", hint: "Check the path.")
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return content }
            content += buffer[..<count]
        }
    }
}
