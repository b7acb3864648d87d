// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What the kernel says about the memory and threads of a host process (proc(5)).
public enum ProcessMemory {
    /// Proportional set size in bytes: private memory, and a fair share of what others map too.
    ///
    /// 0 if it has ended.
    public static func proportionalSetSize(_ process: Int32) -> UInt64 {
        1_024 * field("Pss:", of: "/proc/\(process)/smaps_rollup")
    }

    /// Resident set size in bytes; 0 if it has ended.
    public static func residentSetSize(_ process: Int32) -> UInt64 {
        1_024 * field("VmRSS:", of: "/proc/\(process)/status")
    }

    /// Number of threads; 0 if it has ended.
    public static func threads(_ process: Int32) -> UInt64 { field("Threads:", of: "/proc/\(process)/status") }

    private static func field(_ name: String, of path: String) -> UInt64 {
        // A process that has ended has no files.
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { UInt64($0) } ?? 0
        }
        return 0
    }
}
