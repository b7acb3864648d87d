// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import MachineBackend

@Suite("Limits of virtual machines")
struct MachineLimitsTests {
    private func limits(_ change: (inout ResourceLimits) -> Void) -> MachineLimits {
        var limits = ResourceLimits()
        change(&limits)
        return MachineLimits(limits)
    }

    private let id = WorkloadID.random()

    @Test("a guest has enough processors for its share, and a size")
    func size() {
        #expect(limits { _ in }.processors == 1)
        #expect(limits { $0.nanoCPUs = 500_000_000 }.processors == 1)
        #expect(limits { $0.nanoCPUs = 1_500_000_000 }.processors == 2)
        #expect(limits { _ in }.memory == 256 << 20)
        #expect(limits { $0.memory = ByteCount(64 << 20) }.memory == 64 << 20)
    }

    @Test("the host holds a guest's processor time, and neither its memory nor its processes")
    func onHost() {
        let all = limits {
            $0.memory = ByteCount(64 << 20)
            $0.memoryAndSwap = ByteCount(64 << 20)
            $0.pids = 7
            $0.nanoCPUs = 500_000_000
            $0.cpuShares = 512
            $0.cpuset = "0"
        }
        let held = limits {
            $0.nanoCPUs = 500_000_000
            $0.cpuShares = 512
            $0.cpuset = "0"
        }
        #expect(all.onHost == held.onHost)
        #expect(limits { $0.pids = 7 }.unsupported(by: nil).isEmpty)
        #expect(
            held.unsupported(by: nil) == ["limits on processors need control groups, which this host lacks"])
    }

    @Test("while a guest runs its size stays, and everything else may change")
    func changes() {
        let present = limits {
            $0.memory = ByteCount(64 << 20)
            $0.nanoCPUs = 1_500_000_000
        }
        let fine = limits {
            $0.memory = ByteCount(64 << 20)
            $0.nanoCPUs = 2_000_000_000
            $0.pids = 7
            $0.cpuset = "1"
        }
        #expect(fine.lacks(in: id, from: present, processors: 2).isEmpty)
        let larger = limits {
            $0.memory = ByteCount(128 << 20)
            $0.memoryReservation = ByteCount(32 << 20)
            $0.nanoCPUs = 2_500_000_000
        }
        #expect(
            larger.lacks(in: id, from: present, processors: 2) == [
                "the memory of the VM '\(id.short)' cannot change while it runs",
                "a memory reservation has no meaning for a VM",
                "the VM '\(id.short)' has 2 processors while it runs, and cannot get more",
            ])
    }
}
