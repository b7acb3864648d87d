// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// Processes that stand behind a workload may be killed by anybody, the kernel included.
@Suite(.daemon, .serialized)
struct ProcessDeathTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func aMonitorTakesItsWorkloadAlong(kind: Kind) async throws {
        let end = try await endOfWorkload(kind, whenKilled: "tandem-init")
        #expect(end == "exited 137 the workload's monitor was killed")
    }

    @Test func aVirtualMachineMonitorTakesItsWorkloadAlong() async throws {
        let end = try await endOfWorkload(.vm, whenKilled: "qemu-system-x86_64")
        #expect(end == "exited 137 the guest ended before its workload")
    }

    /// What the guest does without its folder is its own affair; it can be ended and removed.
    @Test func aShareDaemonDoesNotHoldItsWorkload() async throws {
        let before = try Footprint.take(of: daemon)
        try await run(.vm)
        try await killProcesses("virtiofsd")
        let removal = try await daemon.tandem("rm", "-f", "-v", "victim", deadline: 40)
        #expect(removal.status == 0, "\(removal.errors)")
        try await expectNothingLeft(since: before)
    }

    /// Runs a workload, kills one of its processes, and tells its state, exit code and error.
    private func endOfWorkload(_ kind: Kind, whenKilled name: String) async throws -> String {
        let before = try Footprint.take(of: daemon)
        try await run(kind)
        try await killProcesses(name)
        let wait = try await daemon.tandem("wait", "victim", deadline: 40)
        #expect(wait.trimmed == "137", "\(wait.errors)")
        let end = try await daemon.tandem(
            "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", "victim")
        let again = try await daemon.tandem("start", "victim", deadline: 40)
        #expect(again.status == 0, "it cannot be started again: \(again.errors)")
        let removal = try await daemon.tandem("rm", "-f", "-v", "victim", deadline: 40)
        #expect(removal.status == 0, "\(removal.errors)")
        try await expectNothingLeft(since: before)
        return end.trimmed
    }

    private func run(_ kind: Kind) async throws {
        let result = try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "--name", "victim", "-v", "/anonymous", "busybox", "sleep", "1000"])
        #expect(result.status == 0, "\(result.errors)")
    }

    private func killProcesses(_ name: String) async throws {
        let victims = try Footprint.processes(of: daemon).filter { $0.command == name }
        #expect(!victims.isEmpty, "no \(name) runs")
        for victim in victims { kill(victim.id, SIGKILL) }
    }

    private func expectNothingLeft(since before: Footprint) async throws {
        let left = try await before.leftovers(of: daemon, within: .seconds(10))
        #expect(left.isEmpty, "left behind: \(left.joined(separator: "\n"))\n\(daemon.log)")
    }
}
