// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import TandemModel

/// Control groups of version 2 (Documentation/admin-guide/cgroup-v2).
struct CgroupV2: CgroupDriver {
    let version = 2
    let controllers: [String]
    private let root: CgroupFolder
    private let parent: CgroupFolder

    private static let wanted = ["cpu", "cpuset", "io", "memory", "pids"]

    /// Hands the root's controllers down to the group `tandem`.
    init(mountPoint: FilePath, scope: String) throws(EngineError) {
        root = CgroupFolder(mountPoint)
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
        need("cpu", "a processor limit", limits.processorTime != nil || limits.cpuShares != nil)
        need("cpuset", "a set of processors or memory nodes", !limits.cpuset.isEmpty || !limits.memoryNodes.isEmpty)
        need("pids", "a limit on processes", (limits.pids ?? 0) > 0)
        need("io", "a limit on block devices", !limits.block.isEmpty)
        if limits.swappiness != nil { lacks.append("control groups of version 2 have no swappiness") }
        if limits.outOfMemoryKillerDisabled {
            lacks.append("control groups of version 2 cannot do without the OOM killer")
        }
        return lacks
    }

    func make(_ name: String, limits: ResourceLimits, devices: [DeviceRule]?) throws(EngineError) {
        try makeParents(of: name)
        try group(name).make()
        try update(name, limits: limits)
        if let devices { try DeviceFilter.attach(devices, to: group(name).path) }
    }

    private func group(_ name: String) -> CgroupFolder {
        name.hasPrefix("/") ? CgroupFolder(root.path.appending(String(name.dropFirst()))) : parent[name]
    }

    /// Hands the controllers down to a group that lies elsewhere.
    private func makeParents(of name: String) throws(EngineError) {
        guard name.hasPrefix("/") else { return }
        for step in group(name).steps(from: root).dropLast() {
            try step.make()
            for controller in controllers { try step.write("+\(controller)", to: "cgroup.subtree_control") }
        }
    }

    func update(_ name: String, limits: ResourceLimits) throws(EngineError) {
        let group = group(name)
        if let memory = limits.memory {
            try group.write(String(memory.bytes), to: "memory.max")
            if group.has("memory.swap.max") {
                let total = limits.memoryAndSwap?.bytes ?? memory.bytes &* 2
                try group.write(String(total > memory.bytes ? total - memory.bytes : 0), to: "memory.swap.max")
            }
        }
        if let reservation = limits.memoryReservation { try group.write(String(reservation.bytes), to: "memory.low") }
        if let time = limits.processorTime {
            try group.write("\(time.quota.map(String.init) ?? "max") \(time.period)", to: "cpu.max")
        }
        if let shares = limits.cpuShares {
            // As runc: v1's 2…262144 are mapped to v2's 1…10000.
            let bounded = min(max(shares, 2), 262_144)
            try group.write(String(1 + (bounded - 2) * 9_999 / 262_142), to: "cpu.weight")
        }
        if !limits.cpuset.isEmpty { try group.write(limits.cpuset, to: "cpuset.cpus") }
        if !limits.memoryNodes.isEmpty { try group.write(limits.memoryNodes, to: "cpuset.mems") }
        try setBlocks(group, limits.block)
        if let pids = limits.pids { try group.write(pids > 0 ? String(pids) : "max", to: "pids.max") }
    }

    private func setBlocks(_ group: CgroupFolder, _ block: BlockLimits) throws(EngineError) {
        // The file of the BFQ scheduler takes v1's weights as they are; the other one goes up to 10,000, as runc maps it.
        let isPlain = group.has("io.bfq.weight")
        let file = isPlain ? "io.bfq.weight" : "io.weight"
        let weight = { (weight: UInt64) in isPlain ? weight : 1 + (weight - 10) * 9_999 / 990 }
        if let common = block.weight { try group.write("default \(weight(UInt64(common)))", to: file) }
        for device in block.deviceWeights {
            try group.write("\(try BlockDevice.number(of: device.path)) \(weight(device.value))", to: file)
        }
        for (devices, key) in [
            (block.readBytes, "rbps"), (block.writtenBytes, "wbps"), (block.reads, "riops"), (block.writes, "wiops"),
        ] {
            for device in devices {
                try group.write("\(try BlockDevice.number(of: device.path)) \(key)=\(device.value)", to: "io.max")
            }
        }
    }

    func folders(_ name: String, limits: ResourceLimits) -> (unified: FilePath?, legacy: [FilePath]) {
        (group(name).path, [])
    }

    func add(_ process: Int32, to name: String) throws(EngineError) {
        try group(name).write(String(process), to: "cgroup.procs")
    }

    func setFrozen(_ frozen: Bool, _ name: String) throws(EngineError) {
        try group(name).write(frozen ? "1" : "0", to: "cgroup.freeze")
        for _ in 0..<1_000 {
            if group(name).table("cgroup.events")["frozen"] == (frozen ? 1 : 0) { return }
            usleep(1_000)
        }
        throw EngineError(
            .timeout, "the processes of '\(name.prefix(12))' could not be \(frozen ? "frozen" : "thawed")")
    }

    func usage(_ name: String) throws(EngineError) -> ResourceUsage {
        let group = group(name)
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
        usage.blocks = (group.read("io.stat") ?? "").split(separator: "\n").compactMap { Self.block($0) }
        return usage
    }

    /// A line such as `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
    private static func block(_ line: Substring) -> BlockUsage? {
        let words = line.split(separator: " ")
        let numbers = (words.first ?? "").split(separator: ":").compactMap { UInt32($0) }
        guard numbers.count == 2 else { return nil }
        var usage = BlockUsage(major: numbers[0], minor: numbers[1])
        for word in words.dropFirst() {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
            switch parts[0] {
            case "rbytes": usage.readBytes = value
            case "wbytes": usage.writtenBytes = value
            case "rios": usage.reads = value
            case "wios": usage.writes = value
            default: continue
            }
        }
        return usage
    }

    func outOfMemoryKills(_ name: String) -> UInt64 { group(name).table("memory.events")["oom_kill"] ?? 0 }

    func processes(_ name: String) -> [Int32] { group(name).allProcesses }

    func remove(_ name: String) throws(EngineError) {
        let group = group(name)
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
