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
}
