// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Health checks, as dockerd makes them.
@Suite(.daemon, .serialized)
struct HealthTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func followsWhatProbesFind(kind: Kind) async throws {
        let name = "health-\(kind)"
        let begun = Date().timeIntervalSince1970
        let run = try await daemon.tandem(
            ["run", "-d", "--health-cmd", "cat /ok", "--health-interval", "300ms", "--health-retries", "2"]
                + kind.flags + ["--name", name, "busybox", "sleep", "1000"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(try await status(name).hasSuffix("(health: starting)"))
        try await wait(name, for: "unhealthy")
        #expect(try await status(name).hasSuffix("(unhealthy)"))
        #expect(try await daemon.tandem("ps", "-q", "-f", "health=unhealthy").lines.count == 1)
        let last = try await inspect(name, "{{json .State.Health.Log}}")
        #expect(last.contains("can't open '/ok'") && last.contains(#""ExitCode":1"#))
        try await daemon.tandem("exec", name, "touch", "/ok")
        try await wait(name, for: "healthy")
        #expect(try await inspect(name, "{{.State.Health.FailingStreak}}") == "0")
        #expect(try await daemon.tandem("ps", "-q", "-f", "health=unhealthy").lines.isEmpty)
        let events = try await daemon.tandem(
            "events", "--since", String(begun), "--until", String(Date().timeIntervalSince1970), "--filter",
            "container=\(name)")
        for action in [
            "exec_create: /bin/sh -c cat /ok", "exec_start: /bin/sh -c cat /ok", "exec_die",
            "health_status: unhealthy", "health_status: healthy",
        ] {
            #expect(events.output.contains(action), "no event \(action)")
        }
        await daemon.kill()
        try await daemon.start()
        #expect(try await inspect(name, "{{.State.Health.Status}}") == "starting")
        try await wait(name, for: "healthy")
        try await daemon.tandem("stop", "-t", "0", name)
        #expect(try await inspect(name, "{{.State.Health.Status}}") == "healthy")
        try await daemon.tandem("rm", name)
    }

    @Test func aProbeThatTakesTooLongHasFailed() async throws {
        try await daemon.tandem(
            "run", "-d", "--health-cmd", "head -c 5000 /dev/zero | tr '\\0' x; sleep 1000", "--health-interval",
            "100ms",
            "--health-timeout", "500ms", "--health-retries", "1", "--name", "slow", "busybox", "sleep", "1000")
        try await wait("slow", for: "unhealthy")
        let log = try await inspect("slow", "{{json .State.Health.Log}}")
        #expect(log.contains("Health check exceeded timeout (500ms): xxx"))
        #expect(log.contains(String(repeating: "x", count: 4_096) + "...\""))
        #expect(log.contains(#""ExitCode":-1"#))
        try await daemon.tandem("rm", "-f", "slow")
    }

    @Test func theImageMaySayHow() async throws {
        let scratch = try ScratchFolder(prefix: "health")
        defer { scratch.remove() }
        let made = try await Program("sh", ["-ec", "cd \(scratch.path); echo > x; tar -cf root.tar x"]).run()
        #expect(made.status == 0)
        try await daemon.tandem(
            "image", "import", "--change", #"HEALTHCHECK --interval=2s --retries=4 CMD ["probe", "-a"]"#,
            scratch.path + "/root.tar", "probed:1")
        try await daemon.tandem("create", "--name", "own", "probed:1", "run")
        try await daemon.tandem("create", "--name", "none", "--no-healthcheck", "probed:1", "run")
        let format = "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}"
        #expect(try await inspect("own", format) == "[CMD probe -a] 2000000000 4")
        #expect(try await inspect("none", "{{.Config.Healthcheck.Test}}") == "[NONE]")
        try await daemon.tandem("rm", "own", "none")
        try await daemon.tandem("rmi", "probed:1")
    }

    private func inspect(_ name: String, _ format: String) async throws -> String {
        try await daemon.tandem("inspect", "-f", format, name).trimmed
    }

    private func status(_ name: String) async throws -> String {
        try await daemon.tandem("ps", "--format", "{{.Status}}", "--filter", "name=\(name)").trimmed
    }

    private func wait(_ name: String, for wanted: String) async throws {
        var found = ""
        for _ in 0..<200 {
            found = try await inspect(name, "{{.State.Health.Status}}")
            if found == wanted { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("\(name) is '\(found)' instead of '\(wanted)'")
    }
}
