// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What a `kill -9` of the daemon must not lose.
@Suite(.daemon, .serialized)
struct CrashTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func runningWorkloadsAreAdopted(kind: Kind) async throws {
        let name = "adopted-\(kind)"
        let script = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done"
        try await daemon.tandem(["run"] + kind.flags + ["-d", "--name", name, "busybox", "sh", "-c", script])
        await daemon.kill()
        try await Task.sleep(for: .seconds(1))
        try await daemon.start()
        #expect(try await daemon.tandem("inspect", "-f", "{{.State.Status}}", name).trimmed == "running")
        #expect(try await daemon.tandem("exec", name, "echo", "still here").output == "still here\n")
        #expect(try await daemon.tandem("kill", name).status == 0)
        #expect(try await daemon.tandem("wait", name).trimmed == "137")
        let lines = try await daemon.tandem("logs", name).lines
        #expect(lines.count > 10)
        #expect(lines == (1...lines.count).map { "line \($0)" })
        try await daemon.tandem("rm", name)
    }

    @Test(arguments: Kind.allCases)
    func anEndMeanwhileIsKnown(kind: Kind) async throws {
        let name = "ended-\(kind)"
        try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "--name", name, "busybox", "sh", "-c", "sleep 2; echo last; exit 42"])
        await daemon.kill()
        try await Task.sleep(for: .seconds(4))
        try await daemon.start()
        #expect(try await daemon.tandem("wait", name).trimmed == "42")
        #expect(try await daemon.tandem("logs", name).output == "last\n")
        try await daemon.tandem("rm", name)
    }

    @Test func aSecondDaemonOnTheSameDataIsRefused() async throws {
        let second = try await Program(Binaries.path("tandemd"), daemon.flags).run(deadline: 30)
        #expect(second.status == 1)
        #expect(second.errors.contains("another tandemd uses '\(daemon.folder.path)/data' already"))
        #expect(second.errors.contains("--data-root"))
        #expect(try await daemon.tandem("ps").status == 0)
    }
}
