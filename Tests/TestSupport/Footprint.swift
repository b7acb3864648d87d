// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What one daemon and its workloads have on the host and below the daemon's roots.
///
/// Layers that linger for the next start, the database and libvirt's own files are left out. What other daemons on the
/// host do is not seen.
public struct Footprint: Sendable {
    private var objects: Set<String>

    /// Looks at the host now.
    public static func take(of daemon: Daemon) throws -> Footprint {
        let root = daemon.folder.path
        var objects = files(below: root)
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        for line in mounts.split(separator: "\n") {
            let target = line.split(separator: " ").dropFirst(4).first.map(String.init) ?? ""
            // The view of a whole image does not linger as its layers do.
            let lingers = target.hasPrefix(root + "/run/layers/") && !target.contains("/root-")
            if target.hasPrefix(root + "/"), !lingers { objects.insert("mount \(target)") }
        }
        objects.formUnion(try groups(scope: scope(root + "/run")))
        for process in try processes(of: daemon) { objects.insert("process \(process.id) \(process.command)") }
        if daemon.isRunning, let process = daemon.processID {
            // Those of the daemon's own network namespace.
            let devices = NetworkDevices.names(try String(contentsOfFile: "/proc/\(process)/net/dev", encoding: .utf8))
            // The default network's bridge lingers for the next start.
            for name in devices where !name.hasPrefix("td-") { objects.insert("network device \(name)") }
        }
        return Footprint(objects: objects)
    }

    /// What a daemon has now and did not have then, once it has had time to go.
    public func leftovers(of daemon: Daemon, within limit: Duration = .seconds(5)) async throws -> [String] {
        let end = ContinuousClock.now + limit
        while true {
            let now = try Footprint.take(of: daemon).objects
            let left = now.subtracting(objects).sorted()
            if left.isEmpty || ContinuousClock.now > end { return left }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Takes objects for known from now on.
    mutating func add(_ found: [String]) { objects.formUnion(found) }

    private static func files(below root: String) -> Set<String> {
        var found: Set<String> = []
        for (top, skipped) in [("data", "libvirt"), ("run", "layers")] {
            guard let files = FileManager.default.enumerator(atPath: root + "/" + top) else { continue }
            for case let file as String in files {
                if file == skipped { files.skipDescendants() }
                if !file.hasPrefix("state.db"), file != "networks/rules" { found.insert("file \(top)/\(file)") }
            }
        }
        return found
    }

    private static func groups(scope: String) throws -> Set<String> {
        var found: Set<String> = []
        for hierarchy in try names(in: "/sys/fs/cgroup") + ["."] {
            let parent = "/sys/fs/cgroup/\(hierarchy)/tandem/\(scope)"
            for name in (try? names(in: parent)) ?? [] where name.count == 64 {  // most have no such folder
                found.insert("control group \(hierarchy)/\(name)")
            }
        }
        return found
    }

    /// The processes of a daemon's workloads: those that name its roots, or have files there open, as a monitor its log.
    public static func processes(of daemon: Daemon) throws -> [(id: Int32, command: String)] {
        var found: [(Int32, String)] = []
        for name in try names(in: "/proc") {
            guard let process = Int32(name), process != daemon.processID, process != getpid(),
                // a process may end while it is looked at
                let line = try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8)
            else { continue }
            let arguments = line.split(separator: "\0").map(String.init)
            let command = arguments.first?.split(separator: "/").last.map(String.init) ?? ""
            guard
                ["tandem-init", "tandemd", "virtiofsd", "dnsmasq"].contains(command)
                    || command.hasPrefix("qemu-system-")
            else {
                continue
            }
            let files = ((try? names(in: "/proc/\(name)/fd")) ?? []).compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/fd/\($0)")
            }
            if (arguments + files).contains(where: { $0.contains(daemon.folder.path + "/") }) {
                found.append((process, command))
            }
        }
        return found
    }

    private static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
    }

    /// As the daemon names its control groups by its run root: FNV-1a in hexadecimal.
    static func scope(_ runRoot: String) -> String {
        let hash = runRoot.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
