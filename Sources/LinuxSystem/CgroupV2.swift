// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import TandemModel

/// Control groups of version 2 (Documentation/admin-guide/cgroup-v2).
struct CgroupV2: CgroupDriver {
    let version = 2
    let controllers: [String]
    private let parent: CgroupFolder

    private static let wanted = ["cpu", "cpuset", "io", "memory", "pids"]

    /// Hands the root's controllers down to the group `tandem`.
    init(mountPoint: FilePath, scope: String) throws(EngineError) {
        let root = CgroupFolder(mountPoint)
        let tandem = root["tandem"]
        parent = tandem[scope]
        try tandem.make()
        try parent.make()
        var enabled: [String] = []
        let offered = Set(
            (root.read("cgroup.controllers") ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
        for controller in Self.wanted where offered.contains(controller) {
            do throws(EngineError) {
                try root.write("+\(controller)", to: "cgroup.subtree_control")
                try tandem.write("+\(controller)", to: "cgroup.subtree_control")
                try parent.write("+\(controller)", to: "cgroup.subtree_control")
                enabled.append(controller)
            } catch {
                // A process in the root group of a container forbids it; the lack shows in `controllers`.
                continue
            }
        }
        controllers = enabled
    }

    func unsupported(_ limits: ResourceLimits) -> [String] {
        var lacks: [String] = []
        func need(_ controller: String, _ flag: String, _ isAsked: Bool) {
            if isAsked && !controllers.contains(controller) {
                lacks.append("\(flag) needs the cgroup controller '\(controller)'")
            }
        }
        need("memory", "a memory limit", limits.memory != nil || limits.memoryReservation != nil)
        need("cpu", "a processor limit", limits.nanoCPUs != nil || limits.cpuShares != nil)
        need("cpuset", "a set of processors", !limits.cpuset.isEmpty)
        need("pids", "a limit on processes", (limits.pids ?? 0) > 0)
        return lacks
    }

    func make(_ name: String, limits: ResourceLimits, devices: [DeviceRule]?) throws(EngineError) {
        try parent[name].make()
        try update(name, limits: limits)
        if let devices { try DeviceFilter.attach(devices, to: parent[name].path) }
    }

    func update(_ name: String, limits: ResourceLimits) throws(EngineError) {
        let group = parent[name]
        if let memory = limits.memory {
            try group.write(String(memory.bytes), to: "memory.max")
            if group.has("memory.swap.max") {
                let total = limits.memoryAndSwap?.bytes ?? memory.bytes &* 2
                try group.write(String(total > memory.bytes ? total - memory.bytes : 0), to: "memory.swap.max")
            }
        }
        if let reservation = limits.memoryReservation { try group.write(String(reservation.bytes), to: "memory.low") }
        if let nano = limits.nanoCPUs { try group.write("\(max(1_000, nano / 10_000)) 100000", to: "cpu.max") }
        if let shares = limits.cpuShares {
            // As runc: v1's 2…262144 are mapped to v2's 1…10000.
            let bounded = min(max(shares, 2), 262_144)
            try group.write(String(1 + (bounded - 2) * 9_999 / 262_142), to: "cpu.weight")
        }
        if !limits.cpuset.isEmpty { try group.write(limits.cpuset, to: "cpuset.cpus") }
        if let pids = limits.pids { try group.write(pids > 0 ? String(pids) : "max", to: "pids.max") }
    }

    func folders(_ name: String) -> (unified: FilePath?, legacy: [FilePath]) { (parent[name].path, []) }

    func add(_ process: Int32, to name: String) throws(EngineError) {
        try parent[name].write(String(process), to: "cgroup.procs")
    }

    func setFrozen(_ frozen: Bool, _ name: String) throws(EngineError) {
        try parent[name].write(frozen ? "1" : "0", to: "cgroup.freeze")
        for _ in 0..<1_000 {
            if parent[name].table("cgroup.events")["frozen"] == (frozen ? 1 : 0) { return }
            usleep(1_000)
        }
        throw EngineError(
            .timeout, "the processes of '\(name.prefix(12))' could not be \(frozen ? "frozen" : "thawed")")
    }

    func usage(_ name: String) throws(EngineError) -> ResourceUsage {
        let group = parent[name]
        var usage = ResourceUsage()
        let cpu = group.table("cpu.stat")
        usage.cpuTotal = (cpu["usage_usec"] ?? 0) * 1_000
        usage.cpuUser = (cpu["user_usec"] ?? 0) * 1_000
        usage.cpuSystem = (cpu["system_usec"] ?? 0) * 1_000
        usage.cpuPeriods = cpu["nr_periods"] ?? 0
        usage.cpuThrottledPeriods = cpu["nr_throttled"] ?? 0
        usage.cpuThrottledTime = (cpu["throttled_usec"] ?? 0) * 1_000
        usage.memory = group.number("memory.current") ?? 0
        usage.memoryPeak = group.number("memory.peak") ?? 0
        usage.memoryLimit = min(HostInformation.memory, group.number("memory.max") ?? .max)
        usage.memoryStatistics = group.table("memory.stat")
        usage.memoryInactiveFile = usage.memoryStatistics["inactive_file"] ?? 0
        usage.pids = group.number("pids.current") ?? 0
        usage.pidsLimit = group.number("pids.max") ?? 0
        for word in (group.read("io.stat") ?? "").split(whereSeparator: \.isWhitespace) {
            if word.hasPrefix("rbytes=") { usage.blockRead += UInt64(word.dropFirst(7)) ?? 0 }
            if word.hasPrefix("wbytes=") { usage.blockWritten += UInt64(word.dropFirst(7)) ?? 0 }
        }
        return usage
    }

    func outOfMemoryKills(_ name: String) -> UInt64 { parent[name].table("memory.events")["oom_kill"] ?? 0 }

    func processes(_ name: String) -> [Int32] { parent[name].allProcesses }

    func remove(_ name: String) throws(EngineError) {
        let group = parent[name]
        guard group.exists else { return }
        if group.has("cgroup.kill") {
            try group.write("1", to: "cgroup.kill")
        } else {
            for process in group.allProcesses { kill(process, SIGKILL) }
        }
        try group.remove()
    }

    func names() -> [String] { parent.children.sorted() }

    func removeScope() {
        // Groups that still run stay, and their parents with them.
        guard parent.path.withPlatformString({ rmdir($0) }) == 0 else { return }
        _ = parent.path.removingLastComponent().withPlatformString { rmdir($0) }
    }
}
