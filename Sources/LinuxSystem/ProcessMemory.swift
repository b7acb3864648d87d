// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// What the kernel says about the memory and threads of a host process (proc(5)), in bytes; all zero if it has ended.
public struct ProcessMemory: Sendable, Hashable {
    /// Private memory, and a fair share of what others map too (PSS).
    public private(set) var proportional: UInt64 = 0
    /// What is mapped and in memory (RSS).
    public private(set) var resident: UInt64 = 0
    /// The part of it that others map too.
    public private(set) var shared: UInt64 = 0
    /// The fair share of one mapping alone.
    public private(set) var mapping: UInt64 = 0
    /// Page tables of the host.
    public let pageTables: UInt64
    /// Number of threads.
    public let threads: UInt64

    /// Asks the kernel.
    ///
    /// - Parameters:
    ///   - process: Its id.
    ///   - path: How the file of the mapping begins that is counted alone.
    public init(of process: Int32, mapping path: String? = nil) {
        let status = Self.text("/proc/\(process)/status").split(separator: "\n")
        pageTables = 1_024 * (status.first { $0.hasPrefix("VmPTE:") }.map(Self.number) ?? 0)
        threads = status.first { $0.hasPrefix("Threads:") }.map(Self.number) ?? 0
        var isMapping = false
        for line in Self.text("/proc/\(process)/smaps").split(separator: "\n") {
            // A mapping begins with its addresses in small letters; the names of its members have capitals.
            if let first = line.first, !first.isUppercase {
                isMapping = path.map { line.contains(" " + $0) } ?? false
            } else if line.hasPrefix("Pss:") {
                let share = 1_024 * Self.number(line)
                proportional += share
                if isMapping { mapping += share }
            } else if line.hasPrefix("Rss:") {
                resident += 1_024 * Self.number(line)
            } else if line.hasPrefix("Shared_") {
                shared += 1_024 * Self.number(line)
            }
        }
    }

    private static func text(_ path: String) -> String {
        // A process that has ended has no files.
        KernelFile.text(FilePath(path)) ?? ""
    }

    private static func number(_ line: Substring) -> UInt64 {
        line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) } ?? 0
    }
}
