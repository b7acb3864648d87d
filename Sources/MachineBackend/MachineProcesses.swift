// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import SystemPackage
import TandemModel

/// Finds the host processes of VMs by the pid files that libvirt's QEMU driver keeps.
struct MachineProcesses: Sendable {
    /// The driver's folder of pid files.
    let folder: FilePath

    /// The embedded driver keeps them below its own root, libvirtd below /run.
    init(dataRoot: FilePath, libvirtURI: String?) {
        folder = libvirtURI == nil ? dataRoot.appending("libvirt/run/qemu") : "/run/libvirt/qemu"
    }

    /// QEMU and the virtiofs daemons of one VM.
    ///
    /// Blocks for a moment.
    func all(of id: WorkloadID) -> [(pid: Int32, role: String)] {
        var found: [(pid: Int32, role: String)] = []
        // libvirt shortens the name to 20 bytes where several files belong to a domain.
        let domain = MachineNames.prefix + id.description
        let shortened = "-" + domain.prefix(20) + "-"
        for name in Folders.names(in: folder) where name.hasSuffix(".pid") {
            let isMachine = name == domain + ".pid"
            guard isMachine || name.contains(shortened), let pid = number(in: name) else { continue }
            found.append((pid, isMachine ? "vmm" : "virtiofsd"))
            // virtiofsd does its work in a child.
            if !isMachine { found += children(of: pid).map { ($0, "virtiofsd") } }
        }
        return found
    }

    private func number(in name: String) -> Int32? {
        // A file that is gone by now belongs to a process that is gone.
        let text = try? String(contentsOfFile: folder.appending(name).string, encoding: .utf8)
        return text.flatMap { Int32($0.filter(\.isNumber)) }
    }

    private func children(of process: Int32) -> [Int32] {
        // Without CONFIG_PROC_CHILDREN they are not known.
        let text = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
        return text.split(separator: " ").compactMap { Int32($0.filter(\.isNumber)) }
    }
}
