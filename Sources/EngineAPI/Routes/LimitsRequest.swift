// SPDX-License-Identifier: Apache-2.0

import APIModel
import LinuxSystem
import TandemModel

/// Reads limits from a HostConfig, or from the body of `update`, with dockerd's checks and words
/// (moby daemon/daemon_unix.go, `verifyPlatformContainerResources`; container/container_unix.go, `UpdateContainer`).
enum LimitsRequest {
    /// The limits of a new workload.
    static func limits(from host: JSONValue) throws(EngineError) -> ResourceLimits {
        var limits = ResourceLimits()
        try apply(host, to: &limits)
        if let memory = limits.memory, limits.memoryAndSwap == nil {
            limits.memoryAndSwap = ByteCount(memory.bytes &* 2)
        }
        return limits
    }

    /// The limits of a workload that has some: what `body` does not name stays.
    static func limits(from body: JSONValue, on present: ResourceLimits) throws(EngineError) -> ResourceLimits {
        try RequestSchema.check(update: body)
        try refuseUpdate(body)
        var limits = present
        let conflict = { (reason: String) in
            EngineError(
                .conflict, "Conflicting options: \(reason)", hint: "--cpus is both of them in one; use either way.")
        }
        let given = { (name: String) in (body[name].integer ?? 0) != 0 }
        if present.nanoCPUs != nil {
            for (name, what) in [("CpuPeriod", "CPU Period"), ("CpuQuota", "CPU Quota")] where given(name) {
                throw conflict("\(what) cannot be updated as NanoCPUs has already been set")
            }
        }
        if given("NanoCpus") {
            if present.cpuPeriod != nil {
                throw conflict("Nano CPUs cannot be updated as CPU Period has already been set")
            }
            if present.cpuQuota != nil {
                throw conflict("Nano CPUs cannot be updated as CPU Quota has already been set")
            }
        }
        try apply(body, to: &limits)
        if given("Memory"), !given("MemorySwap"), (limits.memory?.bytes ?? 0) > present.memoryAndSwap?.bytes ?? 0 {
            throw EngineError(
                .conflict,
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
                hint: "For example --memory-swap -1.")
        }
        return limits
    }

    /// Members of `update` that would be ignored.
    private static let updatable: Set<String> = [
        "BlkioWeight", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus", "CpusetMems", "Memory", "MemoryReservation",
        "MemorySwap", "NanoCpus", "PidsLimit", "RestartPolicy",
    ]

    private static func refuseUpdate(_ body: JSONValue) throws(EngineError) {
        let refused = (body.object ?? [:]).filter { !updatable.contains($0.key) && !$0.value.isEmpty }.keys.sorted()
        guard refused.isEmpty else {
            throw EngineError(
                .unsupported, "cannot be updated: \(refused.joined(separator: ", "))",
                hint: "Create the container anew with it.")
        }
    }

    private static func apply(_ host: JSONValue, to limits: inout ResourceLimits) throws(EngineError) {
        try setMemory(host, &limits)
        try setProcessors(host, &limits)
        try setSets(host, &limits)
        try setBlocks(host, &limits)
        if let pids = host["PidsLimit"].integer, pids != 0 {
            // To take a limit away is a change; to have none from the start is not.
            limits.pids = pids > 0 ? pids : limits.pids.map { _ in -1 }
        }
    }

    // MARK: Memory

    private static let least: Int64 = 6 << 20

    private static func setMemory(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        if let memory = host["Memory"].integer, memory != 0 {
            guard memory >= least else {
                throw EngineError(.invalidArgument, "Minimum memory limit allowed is 6MB", hint: "For example -m 64m.")
            }
            limits.memory = ByteCount(UInt64(memory))
        }
        try setSwap(host, &limits)
        if let reservation = host["MemoryReservation"].integer, reservation != 0 {
            guard reservation >= least else {
                throw EngineError(
                    .invalidArgument, "Minimum memory reservation allowed is 6MB", hint: "For example 64m.")
            }
            limits.memoryReservation = ByteCount(UInt64(reservation))
        }
        if let memory = limits.memory, let reservation = limits.memoryReservation, memory < reservation {
            throw EngineError(
                .invalidArgument, "Minimum memory limit can not be less than memory reservation limit, see usage",
                hint: "Keep the reservation below the limit.")
        }
        if let swappiness = host["MemorySwappiness"].integer, swappiness != -1 {
            guard (0...100).contains(swappiness) else {
                throw EngineError(
                    .invalidArgument, "Invalid value: \(swappiness), valid memory swappiness range is 0-100",
                    hint: "-1 follows the host.")
            }
            limits.swappiness = UInt8(swappiness)
        }
        if host["OomKillDisable"].bool == true { limits.outOfMemoryKillerDisabled = true }
    }

    private static func setSwap(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        guard let swap = host["MemorySwap"].integer, swap != 0 else { return }
        guard let memory = limits.memory else {
            // Without a limit on memory, none on swap is what there is anyway.
            if swap < 0 { return }
            throw EngineError(
                .invalidArgument, "You should always set the Memory limit when using Memoryswap limit, see usage",
                hint: "Add -m.")
        }
        if swap > 0 {
            guard UInt64(swap) >= memory.bytes else {
                throw EngineError(
                    .invalidArgument, "Minimum memoryswap limit should be larger than memory limit, see usage",
                    hint: "--memory-swap is memory and swap together; -1 is no limit.")
            }
            limits.memoryAndSwap = ByteCount(UInt64(swap))
        } else {
            limits.memoryAndSwap = ByteCount(UInt64(Int64.max))
        }
    }

    // MARK: Processors

    private static func setProcessors(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        let online = HostInformation.processors
        let (nano, period, quota) = (
            host["NanoCpus"].integer ?? 0, host["CpuPeriod"].integer ?? 0, host["CpuQuota"].integer ?? 0
        )
        for (value, what) in [(period, "CPU Period"), (quota, "CPU Quota")] where nano > 0 && value != 0 {
            throw EngineError(
                .invalidArgument, "Conflicting options: Nano CPUs and \(what) cannot both be set",
                hint: "--cpus is both of them in one; use either way.")
        }
        if nano != 0 {
            guard nano >= 10_000_000, nano <= Int64(online) * 1_000_000_000 else {
                throw EngineError(
                    .invalidArgument,
                    "Range of CPUs is from 0.01 to \(online).00, as there are only \(online) CPUs available",
                    hint: "For example --cpus 0.5.")
            }
            limits.nanoCPUs = nano
        }
        if period != 0 {
            guard (1_000...1_000_000).contains(period) else {
                throw EngineError(
                    .invalidArgument,
                    "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
                    hint: "For example --cpu-period 100000.")
            }
            limits.cpuPeriod = period
        }
        if quota != 0 {
            // A negative one is none.
            guard quota < 0 || quota >= 1_000 else {
                throw EngineError(
                    .invalidArgument, "CPU cfs quota can not be less than 1ms (i.e. 1000)",
                    hint: "For example --cpu-quota 50000.")
            }
            limits.cpuQuota = quota
        }
        if let shares = host["CpuShares"].integer, shares != 0 {
            guard shares >= 2 else {
                throw EngineError(.invalidArgument, "the minimum allowed cpu-shares is 2", hint: "The default is 1024.")
            }
            guard shares <= 262_144 else {
                throw EngineError(
                    .invalidArgument, "the maximum allowed cpu-shares is 262144", hint: "The default is 1024.")
            }
            limits.cpuShares = UInt64(shares)
        }
    }

    private static func setSets(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        if let set = host["CpusetCpus"].string, !set.isEmpty {
            let available = "0-\(HostInformation.processors - 1)"
            try check(set, "cpuset cpus", available, "CPUs")
            limits.cpuset = set
        }
        if let set = host["CpusetMems"].string, !set.isEmpty {
            try check(set, "cpuset mems", HostInformation.memoryNodes, "memory nodes")
            limits.memoryNodes = set
        }
    }

    private static func check(
        _ set: String, _ what: String, _ available: String, _ things: String
    ) throws(EngineError) {
        guard let wanted = members(of: set) else {
            throw EngineError(
                .invalidArgument, "Invalid value \(set) for \(what): invalid format: \(set)",
                hint: "For example 0-1,3.")
        }
        guard wanted.isSubset(of: members(of: available) ?? []) else {
            let shown = available == "0-0" ? "0" : available
            throw EngineError(
                .invalidArgument, "Requested \(things) are not available - requested \(set), available: \(shown)",
                hint: "For example 0.")
        }
    }

    /// The numbers of the kernel's list format, for example `0-1,3`.
    private static func members(of text: String) -> Set<Int>? {
        var members: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard bounds.count <= 2, let first = bounds.first ?? nil, let last = bounds.last ?? nil, first >= 0,
                first <= last, last < 65_536
            else { return nil }
            members.formUnion(first...last)
        }
        return members
    }

    // MARK: Block devices

    private static func setBlocks(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        if let weight = host["BlkioWeight"].integer, weight != 0 {
            limits.block.weight = UInt16(try checked(weight: weight))
        }
        for entry in host["BlkioWeightDevice"].array ?? [] {
            let weight = try checked(weight: entry["Weight"].integer ?? 0)
            limits.block.deviceWeights.append(try device(entry, UInt64(weight)))
        }
        limits.block.readBytes += try rates(host["BlkioDeviceReadBps"])
        limits.block.writtenBytes += try rates(host["BlkioDeviceWriteBps"])
        limits.block.reads += try rates(host["BlkioDeviceReadIOps"])
        limits.block.writes += try rates(host["BlkioDeviceWriteIOps"])
    }

    private static func checked(weight: Int64) throws(EngineError) -> Int64 {
        guard (10...1_000).contains(weight) else {
            throw EngineError(.invalidArgument, "Range of blkio weight is from 10 to 1000", hint: "For example 500.")
        }
        return weight
    }

    private static func rates(_ list: JSONValue) throws(EngineError) -> [BlockLimits.Device] {
        var devices: [BlockLimits.Device] = []
        for entry in list.array ?? [] {
            guard let rate = entry["Rate"].integer, rate >= 0 else {
                throw EngineError(
                    .invalidArgument, "a rate for a block device needs a whole number", hint: "For example 1048576.")
            }
            devices.append(try device(entry, UInt64(rate)))
        }
        return devices
    }

    private static func device(_ entry: JSONValue, _ value: UInt64) throws(EngineError) -> BlockLimits.Device {
        let path = entry["Path"].string ?? ""
        _ = try BlockDevice.number(of: path)
        return BlockLimits.Device(path: path, value: value)
    }
}
