// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Whatever step of an operation fails, and wherever the daemon is killed, nothing is left behind.
///
/// Without libvirt, whose own work in the background would mix with the steps.
@Suite(.daemon(flags: ["--libvirt-uri", "none:///"]), .serialized)
struct FaultTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: SweptOperation.ofTheDaemon)
    func aFailedStepLeavesNothing(operation: SweptOperation) async throws {
        var sweep = try await FaultSweep(operation, on: daemon)
        try await sweep.failEachStep(atMost: 6, andEachCall: true)
    }

    @Test(arguments: SweptOperation.ofTheDaemon)
    func aKilledDaemonLeavesNothing(operation: SweptOperation) async throws {
        var sweep = try await FaultSweep(operation, on: daemon)
        try await sweep.killAtEachStep(atMost: 8)
    }

    /// The steps of the monitor, and of its child before it becomes the workload.
    @Test func aFailedLaunchLeavesNothing() async throws {
        var sweep = try await FaultSweep(.launch, on: daemon, scope: .children)
        try await sweep.failEachStep(atMost: 6, andEachCall: true)
    }

    @Test func aKilledMonitorOrChildLeavesNothing() async throws {
        var sweep = try await FaultSweep(.launch, on: daemon, scope: .children)
        try await sweep.killAtEachStep(atMost: 8)
    }

    /// They linger for the next start; a start that failed must not hold them for ever.
    @Test func layersAreUnmountedInTheEnd() async throws {
        var mounted: [String] = []
        for _ in 0..<100 {
            mounted = try FileManager.default.contentsOfDirectory(atPath: daemon.folder.path + "/run/layers")
            if mounted.isEmpty { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(mounted.isEmpty)
    }
}
