// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SystemPackage

/// Processor time of host processes.
public enum ProcessTime {
    /// What all threads of a process that are there have used, in nanoseconds (Documentation/scheduler/sched-stats.rst:
    /// the first number of `schedstat`); 0 if it has ended.
    public static func used(by process: Int32) -> UInt64 {
        let folder = "/proc/\(process)/task"
        // Threads may end meanwhile.
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.reduce(0) { sum, thread in
            let text = KernelFile.text(FilePath("\(folder)/\(thread)/schedstat")) ?? ""
            return sum + (text.split(separator: " ").first.flatMap { UInt64($0) } ?? 0)
        }
    }
}
