// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import TandemModel

/// Control groups of version 1, one hierarchy for each controller (Documentation/admin-guide/cgroup-v1), also beside an
/// empty v2 hierarchy ("hybrid").
struct CgroupV1: CgroupDriver {
    let version = 1
    /// The mount point of each controller that we use.
    private let hierarchies: [String: FilePath]

    /// Those that every group joins.
    ///
    /// `cpuset` is joined only when asked for: a new group of it has no processors.
    private static let always: Set<String> = ["cpu", "cpuacct", "memory", "pids", "freezer", "devices", "blkio"]

    private let scope: String

    init(hierarchies: [String: FilePath], scope: String) throws(EngineError) {
        self.hierarchies = hierarchies
        self.scope = scope
        for controller in hierarchies.keys {
            guard let parent = parent(controller) else { continue }
            try CgroupFolder(parent.path.removingLastComponent()).make()
            try parent.make()
        }
    }

    var controllers: [String] { hierarchies.keys.sorted() }

    func unsupported(_ limits: ResourceLimits) -> [String] {
        var lacks: [String] = []
        func need(_ controller: String, _ flag: String, _ isAsked: Bool) {
            if isAsked && hierarchies[controller] == nil {
                lacks.append("\(flag) needs the cgroup controller '\(controller)'")
            }
        }
        need("memory", "a memory limit", limits.memory != nil || limits.memoryReservation != nil)
        need("cpu", "a processor limit", limits.nanoCPUs != nil || limits.cpuShares != nil)
        need("cpuset", "a set of processors", !limits.cpuset.isEmpty)
        need("pids", "a limit on processes", (limits.pids ?? 0) > 0)
        return lacks
    }

    /// A controller's folder for a group; several controllers may share a mount.
    private func folder(_ controller: String, _ name: String) -> CgroupFolder? { parent(controller)?[name] }

    private func parent(_ controller: String) -> CgroupFolder? {
        hierarchies[controller].map { CgroupFolder($0.appending("tandem").appending(scope)) }
    }

    private func joined(_ name: String) -> [CgroupFolder] {
        var seen: Set<FilePath> = []
        var folders: [CgroupFolder] = []
        for controller in controllers {
            guard let folder = folder(controller, name), Self.always.contains(controller) || folder.exists,
                seen.insert(folder.path).inserted
            else { continue }
            folders.append(folder)
        }
        return folders
    }

    func make(_ name: String, limits: ResourceLimits, devices: [DeviceRule]?) throws(EngineError) {
        for controller in controllers where Self.always.contains(controller) || !limits.cpuset.isEmpty {
            guard let folder = folder(controller, name) else { continue }
            try folder.make()
            if controller == "cpuset" { try inheritProcessors(folder) }
        }
        try update(name, limits: limits)
        if let devices, let folder = folder("devices", name) {
            try folder.write("a", to: "devices.deny")
            for rule in devices {
                let major = rule.major.map(String.init) ?? "*"
                let minor = rule.minor.map(String.init) ?? "*"
                try folder.write("\(rule.type) \(major):\(minor) \(rule.access)", to: "devices.allow")
            }
        }
    }

    /// A cpuset group must have processors and memory nodes before a process may join it.
    private func inheritProcessors(_ folder: CgroupFolder) throws(EngineError) {
        let scope = CgroupFolder(folder.path.removingLastComponent())
        let tandem = CgroupFolder(scope.path.removingLastComponent())
        let root = CgroupFolder(tandem.path.removingLastComponent())
        for file in ["cpuset.cpus", "cpuset.mems"] {
            for (from, to) in [(root, tandem), (tandem, scope), (scope, folder)] {
                let value = (from.read(file) ?? "").filter { !$0.isNewline }
                if (to.read(file) ?? "").allSatisfy(\.isWhitespace), !value.isEmpty { try to.write(value, to: file) }
            }
        }
    }

    func update(_ name: String, limits: ResourceLimits) throws(EngineError) {
        if let memory = limits.memory, let folder = folder("memory", name) {
            try setMemory(folder, memory, andSwap: limits.memoryAndSwap)
        }
        if let reservation = limits.memoryReservation, let folder = folder("memory", name) {
            try folder.write(String(reservation.bytes), to: "memory.soft_limit_in_bytes")
        }
        if let folder = folder("cpu", name) {
            if let shares = limits.cpuShares { try folder.write(String(shares), to: "cpu.shares") }
            if let nano = limits.nanoCPUs {
                try folder.write("100000", to: "cpu.cfs_period_us")
                try folder.write(String(max(1_000, nano / 10_000)), to: "cpu.cfs_quota_us")
            }
        }
        if !limits.cpuset.isEmpty, let folder = folder("cpuset", name) {
            if !folder.exists {
                try folder.make()
                try inheritProcessors(folder)
                for process in processes(name) { try folder.write(String(process), to: "cgroup.procs") }
            }
            try folder.write(limits.cpuset, to: "cpuset.cpus")
        }
        if let pids = limits.pids, let folder = folder("pids", name) {
            try folder.write(pids > 0 ? String(pids) : "max", to: "pids.max")
        }
    }

    /// Memory and memory with swap must never cross: the one that grows goes first.
    private func setMemory(_ folder: CgroupFolder, _ memory: ByteCount, andSwap: ByteCount?) throws(EngineError) {
        let both = "memory.memsw.limit_in_bytes"
        let total = andSwap?.bytes ?? memory.bytes &* 2
        let hasSwapAccount = folder.has(both)
        let isGrowing = (folder.number("memory.limit_in_bytes") ?? 0) < memory.bytes
        if hasSwapAccount && isGrowing { try folder.write(String(total), to: both) }
        try folder.write(String(memory.bytes), to: "memory.limit_in_bytes")
        if hasSwapAccount && !isGrowing { try folder.write(String(total), to: both) }
    }

    func folders(_ name: String) -> (unified: FilePath?, legacy: [FilePath]) { (nil, joined(name).map(\.path)) }

    func add(_ process: Int32, to name: String) throws(EngineError) {
        for folder in joined(name) { try folder.write(String(process), to: "cgroup.procs") }
    }

    func setFrozen(_ frozen: Bool, _ name: String) throws(EngineError) {
        guard let folder = folder("freezer", name) else {
            throw EngineError(.unsupported, "pausing needs the cgroup controller 'freezer', which this host lacks")
        }
        let wanted = frozen ? "FROZEN" : "THAWED"
        for _ in 0..<1_000 {
            try folder.write(wanted, to: "freezer.state")
            if folder.read("freezer.state")?.hasPrefix(wanted) == true { return }
            usleep(1_000)
        }
        throw EngineError(
            .timeout, "the processes of '\(name.prefix(12))' could not be \(frozen ? "frozen" : "thawed")")
    }

    func usage(_ name: String) throws(EngineError) -> ResourceUsage {
        var usage = ResourceUsage()
        if let cpu = folder("cpuacct", name) {
            usage.cpuTotal = cpu.number("cpuacct.usage") ?? 0
            usage.cpuUser = cpu.number("cpuacct.usage_user") ?? 0
            usage.cpuSystem = cpu.number("cpuacct.usage_sys") ?? 0
        }
        if let statistics = folder("cpu", name)?.table("cpu.stat") {
            usage.cpuPeriods = statistics["nr_periods"] ?? 0
            usage.cpuThrottledPeriods = statistics["nr_throttled"] ?? 0
            usage.cpuThrottledTime = statistics["throttled_time"] ?? 0
        }
        if let memory = folder("memory", name) {
            usage.memory = memory.number("memory.usage_in_bytes") ?? 0
            usage.memoryPeak = memory.number("memory.max_usage_in_bytes") ?? 0
            usage.memoryLimit = min(HostInformation.memory, memory.number("memory.limit_in_bytes") ?? .max)
            usage.memoryStatistics = memory.table("memory.stat")
            usage.memoryInactiveFile = usage.memoryStatistics["total_inactive_file"] ?? 0
        }
        if let pids = folder("pids", name) {
            usage.pids = pids.number("pids.current") ?? 0
            usage.pidsLimit = pids.number("pids.max") ?? 0
        }
        if let block = folder("blkio", name) {
            for line in (block.read("blkio.throttle.io_service_bytes") ?? "").split(separator: "\n") {
                let parts = line.split(separator: " ")
                guard parts.count == 3, let bytes = UInt64(parts[2]) else { continue }
                if parts[1] == "Read" { usage.blockRead += bytes }
                if parts[1] == "Write" { usage.blockWritten += bytes }
            }
        }
        return usage
    }

    func outOfMemoryKills(_ name: String) -> UInt64 {
        folder("memory", name)?.table("memory.oom_control")["oom_kill"] ?? 0
    }

    func processes(_ name: String) -> [Int32] { joined(name).first?.allProcesses ?? [] }

    func remove(_ name: String) throws(EngineError) {
        let groups = joined(name).filter(\.exists)
        guard !groups.isEmpty else { return }
        // A frozen process does not die.
        if let freezer = folder("freezer", name), freezer.read("freezer.state")?.hasPrefix("THAWED") == false {
            try setFrozen(false, name)
        }
        for group in groups {
            for _ in 0..<100 {
                let processes = group.allProcesses
                if processes.isEmpty { break }
                for process in processes { kill(process, SIGKILL) }
                usleep(2_000)
            }
        }
        for group in groups { try group.remove() }
    }

    func names() -> [String] { Set(hierarchies.keys.flatMap { parent($0)?.children ?? [] }).sorted() }

    func removeScope() {
        for controller in controllers {
            // Groups that still run stay, and their parents with them.
            guard let parent = parent(controller), parent.path.withPlatformString({ rmdir($0) }) == 0 else { continue }
            _ = parent.path.removingLastComponent().withPlatformString { rmdir($0) }
        }
    }
}
