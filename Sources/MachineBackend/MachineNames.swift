// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import TandemModel

/// Every name of a VM on the host; each derives from the workload's id.
struct MachineNames {
    let id: WorkloadID
    let dataRoot: FilePath
    let runRoot: FilePath

    /// Name of the domain.
    var domain: String { Self.prefix + id.description }
    /// Files that live as long as the workload.
    var dataDirectory: FilePath { dataRoot.appending("workloads").appending(id.description) }
    /// Files that live as long as a run; short, because paths of sockets are at most 107 bytes long.
    var runDirectory: FilePath { runRoot.appending("workloads").appending(id.short) }
    /// The writable disk.
    var disk: FilePath { dataDirectory.appending("disk.ext4") }
    /// UNIX socket of the agent's port.
    var agentSocket: FilePath { runDirectory.appending("agent.sock") }
    /// The kernel's messages.
    var console: FilePath { runDirectory.appending("console.log") }
    /// Mounts that are staged for sharing.
    var shares: FilePath { runDirectory.appending("shares") }

    /// UUID of the domain: the first 128 bits of the id.
    var uuid: String {
        let digits = Array(id.description.prefix(32))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    static let prefix = "tandem-"

    /// The id in a domain's name.
    static func id(ofDomain name: String) -> WorkloadID? {
        guard name.hasPrefix(prefix) else { return nil }
        return WorkloadID(String(name.dropFirst(prefix.count)))
    }
}
