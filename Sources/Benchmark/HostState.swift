// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// The host's cache of files.
enum PageCache {
    /// Forgets every page of a file that is written (Documentation/admin-guide/sysctl/vm.rst, `drop_caches`).
    static func drop() throws(BenchmarkError) {
        sync()
        let file = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw BenchmarkError(
                "the page cache cannot be dropped: \(String(cString: strerror(errno)))",
                hint: "Measure as root, or set the suite's `cache` to `warm`.")
        }
        defer { close(file) }
        guard write(file, "3", 1) == 1 else { throw BenchmarkError("the page cache cannot be dropped") }
    }
}

/// The host's memory by proc_meminfo(5), in bytes.
enum MemoryInformation {
    static var total: UInt64 { value("MemTotal:") }
    static var available: UInt64 { value("MemAvailable:") }

    /// What is available when it has not changed by more than 256 KiB for three seconds: what has ended gives its memory
    /// back a while later.
    static func settled() async -> UInt64 {
        var last = available
        var quiet = 0
        for _ in 0..<60 where quiet < 6 {
            // Cancelled when nobody waits for the figure any more.
            try? await Task.sleep(for: .milliseconds(500))
            let next = available
            quiet = max(next, last) - min(next, last) < 1 << 18 ? quiet + 1 : 0
            last = next
        }
        return last
    }

    private static func value(_ name: String) -> UInt64 {
        // Without the file there is no memory to speak of.
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return (line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0) << 10
    }
}
