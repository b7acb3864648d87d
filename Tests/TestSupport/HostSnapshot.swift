// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the daemons of these tests could leave on a host: mounts, control groups, processes, network devices, loop devices.
///
/// Other tests that run beside these have a mount, process and network namespace of their own, but the same control
/// groups and loop devices: of those, only what belongs to one of `Daemon.folders` is seen.
public struct HostSnapshot: Sendable {
    private let objects: Set<String>

    /// Looks at the host now.
    public static func take() throws -> HostSnapshot {
        var objects: Set<String> = []
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 4 { objects.insert("mount \(fields[4])") }
        }
        objects.formUnion(controlGroups())
        objects.formUnion(try processes())
        let devices = NetworkDevices.names(try String(contentsOfFile: "/proc/self/net/dev", encoding: .utf8))
        for name in devices { objects.insert("network device \(name)") }
        for name in try FileManager.default.contentsOfDirectory(atPath: "/sys/block") where name.hasPrefix("loop") {
            // Most have no file.
            let file = try? String(contentsOfFile: "/sys/block/\(name)/loop/backing_file", encoding: .utf8)
            if let file, Daemon.folders.contains(where: { file.hasPrefix($0 + "/") }) {
                objects.insert("loop device \(name)")
            }
        }
        return HostSnapshot(objects: objects)
    }

    /// What is there now and was not there then, once it has had time to go.
    public func leftovers(within limit: Duration) async throws -> [String] {
        let end = ContinuousClock.now + limit
        while true {
            let left = try HostSnapshot.take().objects.subtracting(objects).sorted()
            if left.isEmpty || ContinuousClock.now > end { return left }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func controlGroups() -> [String] {
        guard let files = FileManager.default.enumerator(atPath: "/sys/fs/cgroup") else { return [] }
        var found: [String] = []
        let scopes = Daemon.folders.map { "tandem/" + Footprint.scope($0 + "/run") + "/" }
        for case let file as String in files where file.hasSuffix("cgroup.procs") {
            if scopes.contains(where: file.contains) { found.append("cgroup \(file)") }
        }
        return found
    }

    private static func processes() throws -> [String] {
        let ours = ["tandem-init", "tandemd", "qemu-system", "virtiofsd", "dnsmasq"]
        return try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
            guard Int(name) != nil,
                // a process may end while it is looked at
                let line = try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8)
            else { return nil }
            let command = line.split(separator: "\0").first.map(String.init) ?? ""
            return ours.contains(where: command.contains) ? "process \(name) \(command)" : nil
        }
    }
}
