// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What Tandem could leave on a host: mounts, control groups, processes, network devices, loop devices.
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
        for name in try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net") {
            objects.insert("network device \(name)")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: "/sys/block") where name.hasPrefix("loop") {
            if FileManager.default.fileExists(atPath: "/sys/block/\(name)/loop/backing_file") {
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
        for case let file as String in files where file.contains("tandem/") {
            if file.hasSuffix("cgroup.procs") { found.append("cgroup \(file)") }
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
