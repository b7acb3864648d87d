// SPDX-License-Identifier: Apache-2.0

import Backend
import ContainerBackend
import LaunchProtocol
import LinuxSystem
import Monitor
import SystemPackage
import TandemModel
import Testing

@Suite("Containers on this host", .serialized)
struct ContainerRootTests {
    @Test("output, exit code and phases come out, and nothing is left")
    func run() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let result = try await fixture.run(["sh", "-c", "echo $PATH; hostname; echo two >&2; exit 7"])
        #expect(result.code == 7)
        #expect(result.output.contains("/usr/local/sbin"))
        #expect(result.output.contains("two"))
        let names = Set(result.phases.map(\.name))
        #expect(names.isSuperset(of: [.rootfs, .cgroup, .monitor, .namespaces, .exec, .firstByte, .run]))
        #expect(Folders.names(in: fixture.paths.runRoot.appending("workloads")).isEmpty)
        #expect(Folders.names(in: fixture.paths.dataRoot.appending("workloads")).isEmpty)
        #expect(await fixture.backend.strays().isEmpty)
    }

    @Test("a missing command is code 127's error, a file that is no program 126's")
    func badCommands() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let missing = await #expect(throws: EngineError.self) { try await fixture.run(["nonsense"]) }
        #expect(missing?.code == .commandNotFound)
        let folder = await #expect(throws: EngineError.self) { try await fixture.run(["/etc"]) }
        #expect(folder?.code == .commandNotExecutable)
    }

    @Test("the default filter and capabilities hold, privileged lifts them")
    func confinement() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let status = ["grep", "-E", "^(Seccomp|CapBnd):", "/proc/self/status"]
        let confined = try await fixture.run(status)
        #expect(confined.output.contains("Seccomp:\t2"))
        #expect(confined.output.contains("CapBnd:\t00000000a80425fb"))
        let mount = try await fixture.run(["mount", "-t", "tmpfs", "t", "/tmp"])
        #expect(mount.code != 0)
        let privileged = try await fixture.run(status) { $0.security.privileged = true }
        #expect(privileged.output.contains("Seccomp:\t0"))
        let allowed = try await fixture.run(["mount", "-t", "tmpfs", "t", "/tmp"]) { $0.security.privileged = true }
        #expect(allowed.code == 0)
    }

    @Test("a read-only root, hostname, user and further processes")
    func details() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let readOnly = try await fixture.run(["touch", "/tmp/x"]) { $0.readOnlyRoot = true }
        #expect(readOnly.code == 1)
        let user = try await fixture.run(["id"]) { $0.process.user = "1000:2000" }
        #expect(user.output.hasPrefix("uid=1000 gid=2000"))
        let named = try await fixture.run(["hostname"]) { $0.hostname = "chapel" }
        #expect(named.output == "chapel\n")
    }

    @Test("exec, pause, usage and signals reach a running container; it survives our connection")
    func running() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let request = fixture.request(["sleep", "100"])
        let plan = try fixture.backend.plan(request)
        try await fixture.backend.makeStorage(plan)
        let first = try await fixture.backend.prepare(plan, phases: PhaseRecorder(requested: 0))
        _ = try await first.monitor.start()
        let execution = try await first.monitor.execute(
            ProcessLowering.further(
                ProcessSpec(arguments: ["sh", "-c", "cat; echo $$; exit 3"], openStandardInput: true), in: request.spec,
                like: plan.monitor.launch.process))
        await execution.send(Array("fed\n".utf8))
        execution.closeInput()
        var output: [UInt8] = []
        while let piece = await execution.nextOutput() { output += piece.bytes }
        #expect(String(decoding: output, as: UTF8.self).hasPrefix("fed\n"))
        #expect(try await execution.waitForExit().code == 3)
        try await first.pause()
        try await first.resume()
        #expect(try await first.usage().pids == 1)
        #expect(try await first.monitor.listProcesses().rows.count == 1)
        #expect(try await first.footprintProcesses().map(\.role) == ["monitor", "workload"])
        first.monitor.close()
        let adopted = try #require(try await fixture.backend.adopt(plan))
        adopted.monitor.signal(9)
        #expect(await adopted.monitor.waitForExit()?.code == 137)
        adopted.monitor.close()
        try await fixture.backend.releaseRuntime(request.id)
        try await fixture.backend.removeStorage(request.id)
        let gone = try await fixture.backend.adopt(plan)
        #expect(gone == nil)
    }

    @Test("a limit on memory kills, and is known to have done so")
    func outOfMemory() async throws {
        let fixture = try ContainerFixture()
        defer { fixture.remove() }
        let request = fixture.request(["sh", "-c", "x=a; while true; do x=$x$x; done"]) {
            $0.limits.memory = .mebibytes(16)
        }
        let plan = try fixture.backend.plan(request)
        try await fixture.backend.makeStorage(plan)
        let instance = try await fixture.backend.prepare(plan, phases: PhaseRecorder(requested: 0))
        _ = try await instance.monitor.start()
        #expect(await instance.monitor.waitForExit()?.code == 137)
        #expect(await instance.wasOutOfMemory())
        instance.monitor.close()
        try await fixture.backend.releaseRuntime(request.id)
        try await fixture.backend.removeStorage(request.id)
    }
}
