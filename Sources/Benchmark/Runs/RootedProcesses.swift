// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Processes of the host that have a folder as their root (proc(5), `root`), whatever group or session they have gone to.
enum RootedProcesses {
    /// Kills them, and those that they start meanwhile; gives up after some seconds on what the kernel does not let go.
    static func kill(root: String) async {
        var folder = stat()
        guard stat(root, &folder) == 0 else { return }
        // Without /proc there is nothing to be found.
        for _ in 0..<1_000 {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            let found = names.compactMap { pid_t($0) }.filter { id in
                var own = stat()
                return stat("/proc/\(id)/root/.", &own) == 0 && own.st_dev == folder.st_dev
                    && own.st_ino == folder.st_ino
            }
            guard !found.isEmpty else { return }
            for id in found { _ = Glibc.kill(id, SIGKILL) }
            // Cancelled when nobody waits any more.
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
