// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage

/// Finds the host processes of a VM.
enum MachineProcesses {
    /// QEMU and the virtiofs daemons of a run, found by a path that stands in their command lines.
    static func all(mentioning path: FilePath) -> [(pid: pid_t, role: String)] {
        let own = getpid()
        var found: [(pid: pid_t, role: String)] = []
        // Without /proc nothing is found; every entry may vanish while it is read.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = pid_t(name), pid != own,
                let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline"), !data.isEmpty
            else { continue }
            let arguments = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard let program = arguments.first.flatMap({ FilePath($0).lastComponent?.string }),
                arguments.contains(where: { $0.contains(path.string + "/") || $0.hasSuffix(path.string) })
            else { continue }
            if program.hasPrefix("qemu-system") { found.append((pid, "vmm")) }
            if program == "virtiofsd" { found.append((pid, "virtiofsd")) }
        }
        return found
    }
}
