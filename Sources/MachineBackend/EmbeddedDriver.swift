// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import SystemPackage
import TandemModel

/// libvirt's QEMU driver inside this process, with a root folder of its own: no libvirtd is needed.
struct EmbeddedDriver {
    /// The driver's folder.
    let root: FilePath

    /// What `virConnectOpen` is given.
    var uri: String { "qemu:///embed?root=\(root)" }

    /// The driver's settings, each with its reason.
    static let configuration = """
        # Written by tandemd at each start.
        # There is no virtlogd beside an embedded driver.
        stdio_handler = "file"
        # Labels are the business of the host's own libvirtd.
        security_driver = "none"
        # tandemd places QEMU into the workload's own cgroup.
        cgroup_controllers = []
        # A private /dev for each QEMU would cost several mounts and processes for each start.
        namespaces = []
        # Volumes belong to whoever owns their files; QEMU opens them as root.
        user = "root"
        group = "root"
        dynamic_ownership = 0
        remember_owner = 0

        """

    /// Writes the settings.
    func configure() throws(EngineError) {
        let folder = root.appending("etc")
        do {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
            try Data(Self.configuration.utf8).write(
                to: URL(filePath: folder.appending("qemu.conf").string), options: .atomic)
        } catch {
            throw EngineError(.internal, "libvirt's settings in '\(folder)' cannot be written", cause: error)
        }
    }

    /// Ends the QEMU processes by which libvirt was examining QEMU when an earlier daemon was killed.
    ///
    /// They make themselves daemons, and nobody else knows of them. To be called before the driver is opened.
    func endProbes() throws(EngineError) {
        let folder = root.appending("lib/qemu")
        let left = Folders.names(in: folder).filter { $0.hasPrefix("qmp-") }
        guard !left.isEmpty else { return }
        let mark = "unix:\(folder)/qmp-"
        for name in Folders.names(in: "/proc") {
            // A process that has ended meanwhile has no command line.
            guard let process = Int32(name),
                let line = try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8), line.contains(mark)
            else { continue }
            HostProcess(process).endBlocking(graceMilliseconds: 0)
        }
        for name in left { try Folders.remove(folder.appending(name)) }
    }
}
