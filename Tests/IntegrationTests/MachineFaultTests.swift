// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The start and the end of a VM with faults: at some of their steps, since each try boots a guest.
@Suite(.daemon, .serialized)
struct MachineFaultTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: SweptOperation.ofMachines)
    func aFailedStepLeavesNothing(operation: SweptOperation) async throws {
        var sweep = try await FaultSweep(operation, on: daemon)
        try await sweep.failEachStep(atMost: 3)
    }

    @Test(arguments: SweptOperation.ofMachines)
    func aKilledDaemonLeavesNothing(operation: SweptOperation) async throws {
        var sweep = try await FaultSweep(operation, on: daemon)
        try await sweep.killAtEachStep(atMost: 4)
    }

    @Test func aDaemonKilledWhileCardsChangeLeavesNothing() async throws {
        var sweep = try await FaultSweep(.changeCards, on: daemon)
        try await sweep.killAtEachStep(atMost: 6)
    }

    /// QEMU itself refuses this one, after libvirt has made everything else.
    @Test func aKernelThatIsNoneLeavesNothing() async throws {
        let kernels = daemon.folder.path + "/data/kernels"
        defer { try? FileManager.default.removeItem(atPath: kernels) }  // it fails only if the test could not make it
        try FileManager.default.createDirectory(atPath: kernels + "/broken", withIntermediateDirectories: true)
        try Data(count: 1_024).write(to: URL(fileURLWithPath: kernels + "/broken/vmlinuz"))
        let description = #"{"name":"broken","image":"vmlinuz","release":"0","inputs":"none","source":"nothing"}"#
        try Data(description.utf8).write(to: URL(fileURLWithPath: kernels + "/broken/kernel.json"))
        let use = try await daemon.tandem("kernel", "use", "broken")
        #expect(use.status == 0, "\(use.errors)")
        let before = try Footprint.take(of: daemon)
        let result = try await daemon.tandem("run", "--vm", "--name", "swept", "busybox", "true", deadline: 40)
        #expect(result.status == 125)
        #expect(result.errors.contains("libvirt cannot start the VM"), "\(result.errors)")
        let removal = try await daemon.tandem("rm", "swept")
        #expect(removal.status == 0, "\(removal.errors)")
        let left = try await before.leftovers(of: daemon)
        #expect(left.isEmpty, "left behind: \(left.joined(separator: "\n"))")
    }

    /// libvirt examines QEMU when it has nothing in its cache, by QEMU processes that outlive it.
    @Test func aDaemonKilledDuringTheExaminationOfQEMULeavesNothing() async throws {
        await daemon.stop()
        try FileManager.default.removeItem(atPath: daemon.folder.path + "/data/libvirt/cache")
        try await daemon.start()
        var probes: [Int32] = []
        for _ in 0..<1_000 where probes.isEmpty {
            probes = try Footprint.processes(of: daemon).filter { $0.command.hasPrefix("qemu") }.map(\.id)
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(!probes.isEmpty, "QEMU was not examined")
        await daemon.kill()
        try await daemon.start()
        // Waits until libvirt has been opened.
        try await daemon.tandem("doctor", deadline: 60)
        let left = Set(probes).intersection(try Footprint.processes(of: daemon).map(\.id))
        #expect(left.isEmpty)
    }
}

extension SweptOperation {
    static let ofMachines: [SweptOperation] = [runMachine, removeMachine]

    private static let runMachine = SweptOperation("run --vm", run: bootMachine) { daemon in
        let result = try await daemon.tandem("exec", "swept", "touch", "/named/file", deadline: 40)
        #expect(result.status == 0, "\(result.errors)")
    } clean: { daemon in
        try await clearAway(daemon)
    }

    private static let removeMachine = SweptOperation("rm of a VM") { daemon in
        let result = try await bootMachine(daemon)
        #expect(result.status == 0, "\(result.errors)")
    } run: { daemon in
        try await daemon.tandem("rm", "-f", "-v", "swept", deadline: 40)
    } verify: { daemon in
        let left = try await daemon.tandem("ps", "-aq")
        #expect(left.output == "")
    } clean: { daemon in
        try await clearAway(daemon)
    }

    private static func bootMachine(_ daemon: Daemon) async throws -> Program.Result {
        try await daemon.tandem(
            ["run", "--vm", "-d", "--name", "swept", "-v", "swept:/named", "busybox", "sleep", "1000"], deadline: 60)
    }

    private static func clearAway(_ daemon: Daemon) async throws {
        try await daemon.tandem("rm", "-f", "-v", "swept", deadline: 40)
        try await daemon.tandem("volume", "rm", "swept")
    }
}
