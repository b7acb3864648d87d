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
        let setsMemory = limits.swappiness != nil || limits.outOfMemoryKillerDisabled
        need("memory", "the setting of swap or of the OOM killer", setsMemory)
        need("cpu", "a processor limit", limits.processorTime != nil || limits.cpuShares != nil)
        need("cpuset", "a set of processors or memory nodes", Self.needsSets(limits))
        need("pids", "a limit on processes", (limits.pids ?? 0) > 0)
        need("blkio", "a limit on block devices", !limits.block.isEmpty)
        if limits.block.weight != nil || !limits.block.deviceWeights.isEmpty, weightFile == nil {
            lacks.append("the kernel has no weights for block devices")
        }
        return lacks
    }

    private static func needsSets(_ limits: ResourceLimits) -> Bool {
        !limits.cpuset.isEmpty || !limits.memoryNodes.isEmpty
    }

    /// Which of the two I/O schedulers that know weights the kernel has, if any.
    private var weightFile: String? {
        guard let parent = parent("blkio") else { return nil }
        return ["blkio.weight", "blkio.bfq.weight"].first { parent.has($0) }
    }

    /// A controller's folder for a group; several controllers may share a mount.
    private func folder(_ controller: String, _ name: String) -> CgroupFolder? {
        guard name.hasPrefix("/") else { return parent(controller)?[name] }
        return hierarchies[controller].map { CgroupFolder($0.appending(String(name.dropFirst()))) }
    }

    private func parent(_ controller: String) -> CgroupFolder? {
        hierarchies[controller].map { CgroupFolder($0.appending("tandem").appending(scope)) }
    }

    private func joined(_ name: String, withSets: Bool = false) -> [CgroupFolder] {
        var seen: Set<FilePath> = []
        var folders: [CgroupFolder] = []
        for controller in controllers {
            guard let folder = folder(controller, name), Self.always.contains(controller) || withSets || folder.exists,
                seen.insert(folder.path).inserted
            else { continue }
            folders.append(folder)
        }
        return folders
    }

    func make(_ name: String, limits: ResourceLimits, devices: [DeviceRule]?) throws(EngineError) {
        for controller in controllers where Self.always.contains(controller) || Self.needsSets(limits) {
            guard let folder = folder(controller, name), let root = hierarchies[controller] else { continue }
            for step in folder.steps(from: CgroupFolder(root)) {
                try step.make()
                if controller == "cpuset" { try inheritProcessors(step) }
            }
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
        let parent = CgroupFolder(folder.path.removingLastComponent())
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let value = (parent.read(file) ?? "").filter { !$0.isNewline }
            if (folder.read(file) ?? "").allSatisfy(\.isWhitespace), !value.isEmpty {
                try folder.write(value, to: file)
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
        if let folder = folder("memory", name) {
            if let swappiness = limits.swappiness { try folder.write(String(swappiness), to: "memory.swappiness") }
            if limits.outOfMemoryKillerDisabled { try folder.write("1", to: "memory.oom_control") }
        }
        if let folder = folder("cpu", name) {
            if let shares = limits.cpuShares { try folder.write(String(shares), to: "cpu.shares") }
            if let time = limits.processorTime {
                try folder.write(String(time.period), to: "cpu.cfs_period_us")
                try folder.write(time.quota.map(String.init) ?? "-1", to: "cpu.cfs_quota_us")
            }
        }
        if Self.needsSets(limits), let folder = folder("cpuset", name), let root = hierarchies["cpuset"] {
            if !folder.exists {
                for step in folder.steps(from: CgroupFolder(root)) {
                    try step.make()
                    try inheritProcessors(step)
                }
                for process in processes(name) { try folder.write(String(process), to: "cgroup.procs") }
            }
            if !limits.cpuset.isEmpty { try folder.write(limits.cpuset, to: "cpuset.cpus") }
            if !limits.memoryNodes.isEmpty { try folder.write(limits.memoryNodes, to: "cpuset.mems") }
        }
        if let pids = limits.pids, let folder = folder("pids", name) {
            try folder.write(pids > 0 ? String(pids) : "max", to: "pids.max")
        }
        if let folder = folder("blkio", name) { try setBlocks(folder, limits.block) }
    }

    private func setBlocks(_ folder: CgroupFolder, _ block: BlockLimits) throws(EngineError) {
        if let weight = block.weight, let file = weightFile { try folder.write(String(weight), to: file) }
        for (devices, file) in [
            (block.deviceWeights, "\(weightFile ?? "")_device"), (block.readBytes, "blkio.throttle.read_bps_device"),
            (block.writtenBytes, "blkio.throttle.write_bps_device"), (block.reads, "blkio.throttle.read_iops_device"),
            (block.writes, "blkio.throttle.write_iops_device"),
        ] {
            for device in devices {
                try folder.write("\(try BlockDevice.number(of: device.path)) \(device.value)", to: file)
            }
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

    func folders(_ name: String, limits: ResourceLimits) -> (unified: FilePath?, legacy: [FilePath]) {
        (nil, joined(name, withSets: Self.needsSets(limits)).map(\.path))
    }

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
        if let times = folder("cpuacct", name)?.read("cpuacct.usage_percpu") {
            usage.cpuByProcessor = times.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        }
        if let block = folder("blkio", name) { usage.blocks = blocks(block) }
        return usage
    }

    /// Lines such as `254:0 Read 4096`.
    private func blocks(_ folder: CgroupFolder) -> [BlockUsage] {
        var found: [String: BlockUsage] = [:]
        for (file, counts) in [
            ("blkio.throttle.io_service_bytes_recursive", false), ("blkio.throttle.io_serviced_recursive", true),
        ] {
            for line in (folder.read(file) ?? "").split(separator: "\n") {
                let parts = line.split(separator: " ")
                guard parts.count == 3, let value = UInt64(parts[2]) else { continue }
                let numbers = parts[0].split(separator: ":").compactMap { UInt32($0) }
                guard numbers.count == 2 else { continue }
                var usage = found[String(parts[0])] ?? BlockUsage(major: numbers[0], minor: numbers[1])
                switch (parts[1], counts) {
                case ("Read", false): usage.readBytes = value
                case ("Write", false): usage.writtenBytes = value
                case ("Read", true): usage.reads = value
                case ("Write", true): usage.writes = value
                default: continue
                }
                found[String(parts[0])] = usage
            }
        }
        return found.values.sorted { ($0.major, $0.minor) < ($1.major, $1.minor) }
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
