// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import LinuxSystem
import SystemPackage
import TandemModel
import Testing

@Suite("Lowering")
struct LoweringTests {
    private func spec(_ change: (inout WorkloadSpec) -> Void = { _ in }) -> WorkloadSpec {
        var spec = WorkloadSpec(
            kind: .container, imageReference: "i", imageID: "sha256:0", process: ProcessSpec(arguments: ["sh"]),
            hostname: "h")
        change(&spec)
        return spec
    }

    private func strings(_ list: [Bytes]) -> [String] { list.map { String(decoding: $0, as: UTF8.self) } }

    private func root(_ spec: WorkloadSpec, mounts: [ResolvedMount] = []) throws -> LaunchPlan {
        let id = WorkloadID.random()
        let request = WorkloadRequest(
            id: id, spec: spec, layers: [], mounts: mounts, files: [], dataDirectory: "/d", runDirectory: "/r")
        var plan = LaunchPlan()
        try RootLowering(cgroupVersion: 2, mountSources: mounts.map { $0.hostPath.map { Bytes($0.string.utf8) } })
            .lower(request, into: &plan)
        return plan
    }

    @Test("the standard variables stand first and give way to the user's")
    func environment() throws {
        let plan = try ProcessLowering.first(
            of: spec {
                $0.process.environment = ["PATH=/own", "EMPTY=", "NOVALUE"]
                $0.process.terminal = true
            }, filtersByDefault: true)
        #expect(strings(plan.environment) == ["HOSTNAME=h", "TERM=xterm", "PATH=/own", "EMPTY="])
    }

    @Test(
        "capabilities follow Docker's rules",
        arguments: [
            ([], [], 0xA804_25FB), (["NET_ADMIN"], [], 0xA804_35FB), ([], ["ALL"], 0), (["CHOWN"], ["ALL"], 1),
            (["KILL"], ["KILL"], 0xA804_25FB),
        ] as [([String], [String], UInt64)])
    func capabilities(_ added: [String], _ dropped: [String], _ expected: UInt64) throws {
        let plan = try ProcessLowering.first(
            of: spec {
                $0.security.addedCapabilities = added
                $0.security.droppedCapabilities = dropped
            }, filtersByDefault: false)
        #expect(plan.boundingCapabilities == expected)
        #expect(plan.permittedCapabilities == expected)
    }

    @Test("an unknown capability or limit is refused by name")
    func unknown() {
        let capability = #expect(throws: EngineError.self) {
            try ProcessLowering.first(of: spec { $0.security.addedCapabilities = ["FLY"] }, filtersByDefault: true)
        }
        #expect(capability?.message.contains("FLY") == true)
        let limit = #expect(throws: EngineError.self) {
            try ProcessLowering.first(
                of: spec { $0.resourceLimits = [ProcessLimit(name: "naps", soft: 1, hard: 1)] }, filtersByDefault: true)
        }
        #expect(limit?.message.contains("naps") == true)
    }

    @Test("privileged lifts filter, masks and read-only system folders")
    func privileged() throws {
        let confined = try root(spec())
        #expect(!confined.maskedPaths.isEmpty)
        let lifted = try root(spec { $0.security.privileged = true })
        #expect(lifted.maskedPaths.isEmpty)
        #expect(lifted.readOnlyPaths.isEmpty)
        let sys = try #require(lifted.mounts.first { $0.target == Bytes("/sys".utf8) })
        #expect(sys.flags & 1 == 0)
        let process = try ProcessLowering.first(of: spec { $0.security.privileged = true }, filtersByDefault: true)
        #expect(process.seccomp.isEmpty)
    }

    @Test("tmpfs takes Docker's defaults, which the user may lift")
    func tmpfs() throws {
        let plain = ResolvedMount(
            spec: MountSpec(source: .tmpfs(options: "size=1m"), target: "/t"), hostPath: nil, sourceIsDirectory: true)
        let step = try #require(try root(spec(), mounts: [plain]).mounts.last)
        #expect(step.flags == 2 | 4 | 8)
        #expect(step.options == Bytes("size=1m".utf8))
        let lifted = ResolvedMount(
            spec: MountSpec(source: .tmpfs(options: "exec,suid,dev,ro"), target: "/t"), hostPath: nil,
            sourceIsDirectory: true)
        #expect(try #require(try root(spec(), mounts: [lifted]).mounts.last).flags == 1)
    }

    @Test("a read-only bind of a file makes a file for its target")
    func bind() throws {
        let mount = ResolvedMount(
            spec: MountSpec(source: .bind(path: "/etc/hosts"), target: "/x", readOnly: true), hostPath: "/etc/hosts",
            sourceIsDirectory: false)
        let step = try #require(try root(spec(), mounts: [mount]).mounts.last)
        #expect(step.sourceKind == .bind)
        #expect(step.targetIsFile)
        #expect(step.flags == 1)
    }

    @Test("a further process has the first one's rights but not its init")
    func further() throws {
        let first = try ProcessLowering.first(of: spec { $0.runInit = true }, filtersByDefault: true)
        let further = ProcessLowering.further(ProcessSpec(arguments: ["ls"]), in: spec(), like: first)
        #expect(!further.runInit)
        #expect(further.seccomp == first.seccomp)
        #expect(strings(further.arguments) == ["ls"])
    }

    @Test("undoing goes backwards, and notes what fails")
    func rollback() {
        let order = Order()
        var rollback = Rollback()
        rollback.add("one") { () throws(EngineError) in order.add("one") }
        rollback.add("two") { () throws(EngineError) in throw EngineError(.internal, "stuck") }
        rollback.add("three") { () throws(EngineError) in order.add("three") }
        let error = rollback.undo(after: EngineError(.conflict, "first"))
        #expect(order.names == ["three", "one"])
        #expect(error.message == "first")
        #expect(error.cleanupFailures.map(\.step) == ["two"])
    }
}
