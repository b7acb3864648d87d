// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import FoundationEssentials
import SystemPackage

/// Collects QEMU's and virtiofsd's ends.
///
/// libvirt's embedded driver detaches them, which makes this process their parent (as child subreaper). libvirt waits for
/// the process to be gone by polling: only if its end is collected at once does ending a guest not take seconds.
enum ProcessReaper {
    /// Makes this process the parent of what its children leave behind.
    static func adoptOrphans() { _ = tandem_become_subreaper() }

    /// Collects the end of a process whenever it comes. Nothing happens if it is not a child of this process.
    static func collect(_ process: pid_t) {
        BlockingQueue.detach {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
    }

    /// Blocks until a process is gone.
    ///
    /// - Returns: `false` if the deadline (in milliseconds from now) passed first.
    static func waitForEnd(of process: pid_t, milliseconds: Int32) -> Bool {
        let descriptor = tandem_pidfd_open(process)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        let deadline = tandem_monotonic() + UInt64(max(0, milliseconds)) * 1_000_000
        while true {
            let now = tandem_monotonic()
            guard now < deadline else { return false }
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&request, 1, Int32((deadline - now) / 1_000_000 + 1)) > 0 { return true }
        }
    }

    /// QEMU and the virtiofs daemons of a run, found by a path that stands in their command lines.
    static func processes(mentioning path: FilePath) -> [(pid: pid_t, role: String)] {
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
