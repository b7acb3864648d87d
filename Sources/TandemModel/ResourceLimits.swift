// SPDX-License-Identifier: Apache-2.0

/// Limits that mean the same for both kinds: a container's cgroup, or a VM's size and its process's cgroup.
public struct ResourceLimits: Hashable, Sendable, Codable {
    /// Memory; `nil` is unlimited for a container and the default guest size for a VM.
    public var memory: ByteCount?
    /// Memory and swap together; `nil` follows Docker: twice the memory limit.
    ///
    /// `ByteCount(.max)` is unlimited swap.
    public var memoryAndSwap: ByteCount?
    /// Soft limit under memory pressure.
    public var memoryReservation: ByteCount?
    /// How willingly memory is swapped out, 0–100; `nil` follows the host.
    public var swappiness: UInt8?
    /// Whether processes wait instead of being killed when memory runs out.
    public var outOfMemoryKillerDisabled: Bool
    /// Processor time in billionths of a processor (`--cpus 1.5` is 1,500,000,000); `nil` is unlimited.
    ///
    /// Excludes `cpuPeriod` and `cpuQuota`.
    public var nanoCPUs: Int64?
    /// Microseconds after which a quota begins anew; `nil` is the kernel's 100,000.
    public var cpuPeriod: Int64?
    /// Microseconds of processor time in each period; `nil` or negative is unlimited.
    public var cpuQuota: Int64?
    /// Relative weight, Docker's 2–262,144 with 1,024 as the default.
    public var cpuShares: UInt64?
    /// Processors that may be used, in the kernel's list format, for example `0-1,3`; empty means all.
    public var cpuset: String
    /// Memory nodes that may be used, in the same format.
    public var memoryNodes: String
    /// Block devices.
    public var block: BlockLimits
    /// Number of processes and threads; `nil` is unlimited.
    public var pids: Int64?

    /// No limits.
    public init() {
        outOfMemoryKillerDisabled = false
        cpuset = ""
        memoryNodes = ""
        block = BlockLimits()
    }

    /// Processor time as a quota in a period, both in microseconds, whichever way it was asked for.
    ///
    /// - Returns: `nil` if neither was asked for; a quota of `nil` is unlimited.
    public var processorTime: (quota: Int64?, period: Int64)? {
        if let nanoCPUs { return (max(1_000, nanoCPUs / 10_000), 100_000) }
        guard cpuPeriod != nil || cpuQuota != nil else { return nil }
        return (cpuQuota.flatMap { $0 > 0 ? $0 : nil }, cpuPeriod ?? 100_000)
    }

    /// Processors that are worth the processor time, in billionths.
    public var processors: Int64? {
        guard let time = processorTime, let quota = time.quota else { return nil }
        return quota * 1_000_000_000 / time.period
    }
}
