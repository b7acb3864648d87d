// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Restart policies, as dockerd follows them.
@Suite(.daemon, .serialized)
struct RestartTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func givesUpAfterSoManyFailures(kind: Kind) async throws {
        let name = "fails-\(kind)"
        let run = try await daemon.tandem(
            ["run", "-d", "--restart", "on-failure:2"] + kind.flags
                + ["--name", name, "busybox", "sh", "-c", "echo run; exit 3"])
        #expect(run.status == 0, "\(run.errors)")
        try await wait(name, for: "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}", "exited 2 3")
        #expect(try await daemon.tandem("logs", name).output == "run\nrun\nrun\n")
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func aStopEndsIt(kind: Kind) async throws {
        let name = "again-\(kind)"
        let script = "echo run; [ -e /once ] && exec sleep 1000; touch /once; sync; exit 1"
        try await daemon.tandem(
            ["run", "-d", "--restart", "always"] + kind.flags + ["--name", name, "busybox", "sh", "-c", script])
        try await wait(name, for: "{{.State.Status}} {{.RestartCount}}", "running 1")
        #expect(try await daemon.tandem("stop", "-t", "0", name).status == 0)
        #expect(try await inspect(name, "{{.State.Status}} {{.State.Running}}") == "exited false")
        try await Task.sleep(for: .milliseconds(400))
        #expect(try await inspect(name, "{{.State.Status}} {{.RestartCount}}") == "exited 1")
        #expect(try await daemon.tandem("start", name).status == 0)
        #expect(try await inspect(name, "{{.State.Status}} {{.RestartCount}}") == "running 0")
        try await daemon.tandem("rm", "-f", name)
    }

    @Test func betweenTwoRunsItCountsAsRunning() async throws {
        // Its waits grow to seconds soon.
        try await daemon.tandem("run", "-d", "--restart", "always", "--name", "loop", "busybox", "false")
        try await wait("loop", for: "{{.RestartCount}}", "5")
        #expect(
            try await inspect("loop", "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}}")
                == "restarting true true 0")
        let row = try await daemon.tandem("ps", "--format", "{{.Status}}", "--filter", "name=loop").trimmed
        #expect(row.hasPrefix("Restarting (1) "))
        #expect(try await daemon.tandem("exec", "loop", "true").errors.contains("is restarting, wait until"))
        #expect(try await daemon.tandem("rm", "loop").errors.contains("container is restarting: stop the container"))
        async let waited = daemon.tandem("wait", "loop")
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await daemon.tandem("stop", "loop").status == 0)
        #expect(try await waited.trimmed == "1")
        #expect(try await inspect("loop", "{{.State.Status}} {{.RestartCount}}") == "exited 5")
        #expect(try await daemon.tandem("rm", "loop").status == 0)
    }

    @Test func aPolicyCanBeChanged() async throws {
        try await daemon.tandem("run", "-d", "--restart", "always", "--name", "changed", "busybox", "sleep", "1000")
        #expect(try await daemon.tandem("update", "--restart", "on-failure:4", "changed").status == 0)
        let format = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
        #expect(try await inspect("changed", format) == "on-failure 4")
        #expect(try await daemon.tandem("update", "--restart", "no", "changed").status == 0)
        try await daemon.tandem("exec", "changed", "kill", "-9", "-1")
        try await daemon.tandem("kill", "changed")
        #expect(try await inspect("changed", "{{.State.Status}}") == "exited")
        try await daemon.tandem("rm", "changed")
        try await daemon.tandem("run", "-d", "--rm", "--name", "fleeting", "busybox", "sleep", "1000")
        let refused = try await daemon.tandem("update", "--restart", "always", "fleeting")
        #expect(refused.errors.contains("Restart policy cannot be updated because AutoRemove is enabled"))
        try await daemon.tandem("rm", "-f", "fleeting")
    }

    @Test("what should run does so after the daemon was killed", arguments: Kind.allCases)
    func runsAfterTheDaemonWasKilled(kind: Kind) async throws {
        func run(_ policy: String, _ name: String, _ command: [String]) async throws {
            let run = try await daemon.tandem(
                ["run", "-d", "--restart", policy] + kind.flags + ["--name", name, "busybox"] + command)
            #expect(run.status == 0, "\(run.errors)")
        }
        // One that ends while there is no daemon, one that was stopped before, and one that may not start again.
        let names = ["unless-stopped", "always", "stopped"].map { "\($0)-\(kind)" }
        try await run(
            "unless-stopped", names[0],
            ["sh", "-c", "[ -e /once ] || { touch /once; sync; sleep 2; exit 0; }; sleep 1000"])
        if kind == .container {
            try await run("always", names[1], ["sleep", "1000"])
            try await run("unless-stopped", names[2], ["sleep", "1000"])
            try await daemon.tandem("stop", "-t", "0", names[1], names[2])
        }
        await daemon.kill()
        try await Task.sleep(for: .seconds(3))
        try await daemon.start()
        try await wait(names[0], for: "{{.State.Status}}", "running")
        if kind == .container {
            try await wait(names[1], for: "{{.State.Status}}", "running")
            #expect(try await inspect(names[2], "{{.State.Status}}") == "exited")
        }
        try await daemon.tandem(["rm", "-f"] + (kind == .container ? names : [names[0]]))
    }

    private func inspect(_ name: String, _ format: String) async throws -> String {
        try await daemon.tandem("inspect", "-f", format, name).trimmed
    }

    private func wait(_ name: String, for format: String, _ wanted: String) async throws {
        var found = ""
        for _ in 0..<300 {
            found = try await inspect(name, format)
            if found == wanted { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("\(name) is '\(found)' instead of '\(wanted)'")
    }
}
