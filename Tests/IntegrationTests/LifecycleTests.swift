// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The life of a workload from `create` to `rm`, for both kinds.
@Suite(.daemon, .serialized)
struct LifecycleTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func goesThroughAllStates(kind: Kind) async throws {
        let name = "life-\(kind)"
        let created = try await daemon.tandem(["create"] + kind.flags + ["--name", name, "busybox", "sleep", "1000"])
        #expect(created.trimmed.count == 64, "\(created.errors)")
        #expect(try await status(name) == "created")
        #expect(try await daemon.tandem("start", name).output == name + "\n")
        #expect(try await status(name) == "running")
        #expect(try await daemon.tandem("pause", name).status == 0)
        #expect(try await status(name) == "paused")
        #expect(try await daemon.tandem("unpause", name).status == 0)
        #expect(try await daemon.tandem("restart", "-t", "0", name).status == 0)
        #expect(try await status(name) == "running")
        #expect(try await daemon.tandem("kill", name).status == 0)
        #expect(try await daemon.tandem("wait", name).trimmed == "137")
        #expect(try await status(name) == "exited")
        #expect(try await daemon.tandem("rename", name, name + "-2").status == 0)
        #expect(try await daemon.tandem("rm", name + "-2").trimmed == name + "-2")
        #expect(try await daemon.tandem("inspect", name + "-2").status == 1)
    }

    @Test(arguments: Kind.allCases)
    func stopSignalsTheWorkloadFirst(kind: Kind) async throws {
        let name = "stop-\(kind)"
        let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
        try await daemon.tandem(["run"] + kind.flags + ["-d", "--name", name, "busybox", "sh", "-c", script])
        try await waitForLog(name, "ready")
        #expect(try await daemon.tandem("stop", name).status == 0)
        #expect(try await daemon.tandem("wait", name).trimmed == "7")
        #expect(try await daemon.tandem("logs", name).output == "ready\nbye\n")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func stopKillsWhatDoesNotListen(kind: Kind) async throws {
        let name = "deaf-\(kind)"
        let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
        try await daemon.tandem(["run"] + kind.flags + ["-d", "--name", name, "busybox", "sh", "-c", script])
        try await waitForLog(name, "ready")
        #expect(try await daemon.tandem("stop", "-t", "1", name).status == 0)
        #expect(try await daemon.tandem("wait", name).trimmed == "137")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func keepsFilesAcrossAStop(kind: Kind) async throws {
        let name = "files-\(kind)"
        let script = "cat /kept 2>/dev/null || echo none; echo kept > /kept; sync"
        try await daemon.tandem(["create"] + kind.flags + ["--name", name, "busybox", "sh", "-c", script])
        #expect(try await daemon.tandem("start", "-a", name).output == "none\n")
        #expect(try await daemon.tandem("start", "-a", name).output == "kept\n")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func executesFurtherCommands(kind: Kind) async throws {
        let name = "exec-\(kind)"
        try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "--name", name, "-e", "A=1", "busybox", "sleep", "1000"])
        let plain = try await daemon.tandem(
            "exec", "-e", "B=2", "-w", "/tmp", "-u", "1:1", name, "sh", "-c", "echo $A$B $(pwd) $(id -u)")
        #expect(plain.output == "12 /tmp 1\n", "\(plain.errors)")
        #expect(try await daemon.tandem("exec", name, "sh", "-c", "exit 9").status == 9)
        #expect(try await daemon.tandem("exec", name, "no-such").status == 127)
        #expect(try await daemon.tandem(["exec", "-i", name, "cat"], input: Data("in".utf8)).output == "in")
        let top = try await daemon.tandem("top", name)
        #expect(top.output.contains("sleep 1000"))
        let processes = try await daemon.tandem("exec", name, "ps").output
        #expect(processes.contains("sleep 1000"))
        #expect(try await daemon.tandem("rm", "-f", name).status == 0)
    }

    /// The removal waits for the start, and undoes it.
    @Test(arguments: Kind.allCases)
    func whatIsBeingStartedCanBeRemoved(kind: Kind) async throws {
        for delay in [0, 20, 400] {
            let name = "starting-\(kind)-\(delay)"
            try await daemon.tandem(["create"] + kind.flags + ["--name", name, "busybox", "sleep", "1000"])
            async let start = daemon.tandem("start", name)
            try await Task.sleep(for: .milliseconds(delay))
            let removed = try await daemon.tandem("rm", "-f", name)
            #expect(removed.status == 0, "\(removed.errors)")
            _ = try await start
            #expect(try await daemon.tandem("ps", "-aq", "--filter", "name=\(name)").output == "")
        }
    }

    @Test(arguments: Kind.allCases)
    func copiesInAndOut(kind: Kind) async throws {
        let name = "copy-\(kind)"
        let scratch = try ScratchFolder(prefix: "cp")
        defer { scratch.remove() }
        let file = try scratch.write("in.txt", "copied\n")
        try await daemon.tandem(["run"] + kind.flags + ["-d", "--name", name, "busybox", "sleep", "1000"])
        #expect(try await daemon.tandem("cp", file, "\(name):/tmp/there.txt").status == 0)
        #expect(try await daemon.tandem("exec", name, "cat", "/tmp/there.txt").output == "copied\n")
        try await daemon.tandem("stop", "-t", "0", name)
        let out = try await daemon.tandem("cp", "\(name):/tmp/there.txt", scratch.path + "/out.txt")
        #expect(out.status == 0, "\(out.errors)")
        #expect(try String(contentsOf: scratch.url("out.txt"), encoding: .utf8) == "copied\n")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func limitsMemory(kind: Kind) async throws {
        let name = "memory-\(kind)"
        try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "--name", name, "-m", "128m", "--cpus", "1", "--pids-limit", "50"]
                + ["busybox", "sleep", "1000"])
        let stats = try await daemon.tandem("stats", "--no-stream", name)
        #expect(stats.status == 0)
        #expect(stats.output.contains(name))
        try await daemon.tandem("rm", "-f", name)
    }

    @Test(arguments: Kind.allCases)
    func recordsItsStart(kind: Kind) async throws {
        let name = "trace-\(kind)"
        try await daemon.tandem(["run"] + kind.flags + ["--name", name, "busybox", "echo", "x"])
        let inspect = try await daemon.tandem("inspect", name)
        let phases =
            kind == .vm ? ["libvirt", "firmware", "kernel", "agent", "exec"] : ["monitor", "namespaces", "exec"]
        for phase in phases { #expect(inspect.output.contains("\"\(phase)\""), "no phase \(phase)") }
        try await daemon.tandem("rm", name)
    }

    private func status(_ name: String) async throws -> String {
        try await daemon.tandem("inspect", "--format", "{{.State.Status}}", name).trimmed
    }

    private func waitForLog(_ name: String, _ text: String) async throws {
        for _ in 0..<200 {
            if try await daemon.tandem("logs", name).output.contains(text) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("\(name) never printed \(text)")
    }
}
