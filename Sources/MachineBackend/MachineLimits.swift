// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel

/// A VM's limits, by who holds them: the guest's size, the guest's own kernel, or the control group of QEMU on the host.
struct MachineLimits {
    private let limits: ResourceLimits

    init(_ limits: ResourceLimits) { self.limits = limits }

    /// Docker's default for containers is all of the host; a guest has to have a size.
    static let defaultMemory: UInt64 = 256 << 20

    /// The guest's memory in bytes.
    var memory: UInt64 { limits.memory?.bytes ?? Self.defaultMemory }

    /// The guest's processors: enough for its share of the host's.
    var processors: Int { limits.processors.map { max(1, Int(($0 + 999_999_999) / 1_000_000_000)) } ?? 1 }

    /// What the control group of QEMU and its helpers holds.
    var onHost: ResourceLimits {
        var held = limits
        // The guest's size; QEMU itself needs more than that.
        held.memory = nil
        held.memoryAndSwap = nil
        held.memoryReservation = nil
        // The guest holds its workload to this one; QEMU's own threads do not count.
        held.pids = nil
        // libvirt gives the guest its memory.
        held.memoryNodes = ""
        return held
    }

    /// What of `onHost` a host cannot hold, each as a clause.
    func unsupported(by cgroups: (any CgroupDriver)?) -> [String] {
        if let cgroups { return cgroups.unsupported(onHost) }
        return onHost == ResourceLimits() ? [] : ["limits on processors need control groups, which this host lacks"]
    }

    /// What cannot change from `present` while a guest of so many processors runs, each as a clause.
    func lacks(in id: WorkloadID, from present: MachineLimits, processors: Int) -> [String] {
        var lacks: [String] = []
        if limits.memory != present.limits.memory || limits.memoryAndSwap != present.limits.memoryAndSwap {
            lacks.append("the memory of the VM '\(id.short)' cannot change while it runs")
        }
        if limits.memoryReservation != present.limits.memoryReservation {
            lacks.append("a memory reservation has no meaning for a VM")
        }
        if limits.memoryNodes != present.limits.memoryNodes {
            lacks.append("the memory nodes of the VM '\(id.short)' cannot change while it runs")
        }
        if self.processors > processors {
            let count = processors == 1 ? "one processor" : "\(processors) processors"
            lacks.append("the VM '\(id.short)' has \(count) while it runs, and cannot get more")
        }
        return lacks
    }
}
