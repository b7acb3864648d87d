// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Limits at work: what happens to a workload that wants more, and how they change while it runs, for both kinds.
@Suite(.daemon, .serialized)
struct LimitTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func reportsALackOfMemory(kind: Kind) async throws {
        let name = "greedy-\(kind)"
        // A guest has to hold its kernel as well.
        let size = kind == .vm ? "64m" : "8m"
        let since = String(Int(Date().timeIntervalSince1970))
        let result = try await daemon.tandem(
            ["run"] + kind.flags + ["--name", name, "-m", size, "--memory-swap", size, "busybox", "tail", "/dev/zero"])
        #expect(result.status == 137, "\(result.errors)")
        let state = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}"
        #expect(try await daemon.tandem("inspect", "--format", state, name).trimmed == "exited 137 true")
        let until = String(Int(Date().timeIntervalSince1970) + 1)
        let events = try await daemon.tandem(
            "events", "--since", since, "--until", until, "--filter", "container=\(name)", "--filter", "event=oom")
        #expect(events.lines.count == 1, "\(events.output)")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func aKillIsNoLackOfMemory(kind: Kind) async throws {
        let name = "killed-\(kind)"
        try await daemon.tandem(["run"] + kind.flags + ["--name", name, "--init", "busybox", "sh", "-c", "kill -9 $$"])
        let state = "{{.State.ExitCode}} {{.State.OOMKilled}}"
        #expect(try await daemon.tandem("inspect", "--format", state, name).trimmed == "137 false")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func changesLimitsOfWhatRuns(kind: Kind) async throws {
        let name = "update-\(kind)"
        try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "--name", name, "-m", "128m", "--cpus", "0.5", "busybox", "sleep", "1000"])
        let update = try await daemon.tandem(
            "update", "--cpus", "0.25", "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "5", name)
        #expect(update.status == 0, "\(update.errors)")
        let fields = "{{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}"
        #expect(
            try await daemon.tandem("inspect", "--format", fields + " {{.HostConfig.PidsLimit}}", name).trimmed
                == "250000000 512 0 5")
        let forks = "for i in 1 2 3 4 5; do sleep 1 & done; wait; echo all"
        let limited = try await daemon.tandem("exec", name, "sh", "-c", forks)
        #expect(limited.errors.contains("can't fork"))
        #expect(try await daemon.tandem("update", "--pids-limit", "-1", name).status == 0)
        #expect(try await daemon.tandem("exec", name, "sh", "-c", forks).output == "all\n")
        let groups = Self.groups(try await daemon.tandem("inspect", "--format", "{{.Id}}", name).trimmed)
        #expect(Self.value(in: groups, "cpu.cfs_quota_us", "cpu.max")?.hasPrefix("25000") == true)
        #expect(["512", "20"].contains(Self.value(in: groups, "cpu.shares", "cpu.weight")))
        #expect(Self.value(in: groups, "cpuset.cpus", "cpuset.cpus") == "0")
        try await daemon.tandem("rm", "-f", name)
    }

    @Test func aRunningGuestKeepsItsSize() async throws {
        let name = "size"
        let id = try await daemon.tandem(
            "run", "-d", "--vm", "--name", name, "-m", "96m", "--cpus", "0.5", "busybox", "sleep", "1000"
        ).trimmed.prefix(12)
        let refused = try await daemon.tandem("update", "-m", "128m", "--cpus", "2", name)
        #expect(refused.status == 1)
        #expect(
            refused.errors == """
                tandem: the memory of the VM '\(id)' cannot change while it runs; \
                the VM '\(id)' has one processor while it runs, and cannot get more
                Stop it first: tandem stop \(id), then update and start it.

                """)
        let fields = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"
        #expect(try await daemon.tandem("inspect", "--format", fields, name).trimmed == "100663296 500000000")
        // The same size again is no change, and less of a processor needs no other one.
        #expect(try await daemon.tandem("update", "-m", "96m", "--cpus", "1", name).status == 0)

        try await daemon.tandem("stop", "-t", "0", name)
        #expect(try await daemon.tandem("update", "-m", "16m", name).status == 1)
        #expect(try await daemon.tandem("update", "-m", "128m", "--cpus", "2", name).status == 0)
        #expect(try await daemon.tandem("start", name).status == 0)
        let total = try await daemon.tandem("exec", name, "sh", "-c", "nproc; free -m | awk '/Mem/ {print $2}'").lines
        #expect(total.first == "2")
        #expect(total.last.flatMap { Int($0) }.map { (100...128).contains($0) } == true, "\(total)")
        try await daemon.tandem("rm", "-f", name)
    }

    /// The folders of a workload's control groups, of either version.
    private static func groups(_ id: String) -> [String] {
        let root = "/sys/fs/cgroup"
        // No folder: nothing is found.
        let hierarchies = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return ([root] + hierarchies.map { "\(root)/\($0)" }).flatMap { hierarchy in
            // A hierarchy without ours has none.
            let scopes = (try? FileManager.default.contentsOfDirectory(atPath: hierarchy + "/tandem")) ?? []
            return scopes.map { "\(hierarchy)/tandem/\($0)/\(id)" }
        }
    }

    private static func value(in groups: [String], _ names: String...) -> String? {
        for file in groups.flatMap({ group in names.map { "\(group)/\($0)" } }) {
            if let text = try? String(contentsOfFile: file, encoding: .utf8) {  // another hierarchy has it
                return text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
        return nil
    }
}
