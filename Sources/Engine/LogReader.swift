// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem
public import SystemPackage
public import TandemModel

/// One entry of a json-file log.
public struct LogEntry: Sendable, Codable {
    /// The text; ends with a newline unless the line goes on in the next entry.
    public var log: String
    /// `stdout` or `stderr`.
    public var stream: String
    /// RFC 3339 with nanoseconds.
    public var time: String
    /// What the log's options add to every entry.
    public var attrs: [String: String]?

    /// The time; `nil` if it is none.
    public var timestamp: Timestamp? { Timestamp(rfc3339: time) }
}

/// Reads a workload's log with its rotated parts, oldest entry first, and follows it while it grows.
///
/// Used by one task alone.
public final class LogReader {
    private let path: FilePath
    private var descriptor: Int32 = -1
    private var inode: UInt64 = 0
    private var rest: [UInt8] = []

    /// Reads nothing yet.
    public init(path: FilePath) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Everything that is in the log now, the rotated parts included.
    public func readAll() async -> [LogEntry] {
        let path = path
        let older = await BlockingQueue.run {
            var entries: [LogEntry] = []
            var number = 1
            var parts: [FilePath] = []
            while access("\(path.string).\(number)", R_OK) == 0 {
                parts.insert(FilePath("\(path.string).\(number)"), at: 0)
                number += 1
            }
            for part in parts {
                // A part that was rotated away in between is one part less.
                let content = (try? Data(contentsOf: URL(filePath: part.string))) ?? Data()
                entries += content.split(separator: 0x0A).compactMap { Self.parse($0) }
            }
            return entries
        }
        return older + readNew()
    }

    /// What has been added since the last call.
    public func readNew() -> [LogEntry] {
        var entries = drain()
        var status = stat()
        // Another file of that name: the one that we have was rotated away.
        if stat(path.string, &status) == 0, UInt64(status.st_ino) != inode || descriptor < 0 {
            if descriptor >= 0 { close(descriptor) }
            descriptor = tandem_openat(AT_FDCWD, path.string, O_RDONLY | O_CLOEXEC, 0)
            inode = UInt64(status.st_ino)
            rest = []
            entries += drain()
        }
        return entries
    }

    private func drain() -> [LogEntry] {
        guard descriptor >= 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            rest += chunk[..<count]
        }
        guard let end = rest.lastIndex(of: 0x0A) else { return [] }
        let lines = rest[..<end].split(separator: 0x0A).compactMap { Self.parse($0) }
        rest = Array(rest[(end + 1)...])
        return lines
    }

    private static func parse(_ line: some Sequence<UInt8>) -> LogEntry? {
        // A line that a crash cut short is no entry.
        try? JSONDecoder().decode(LogEntry.self, from: Data(line))
    }
}
