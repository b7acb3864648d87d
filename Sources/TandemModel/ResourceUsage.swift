// SPDX-License-Identifier: Apache-2.0

/// Resources that a workload uses, read from its cgroup; both kinds alike.
public struct ResourceUsage: Sendable, Codable {
    /// Processor time in nanoseconds since the start.
    public var cpuTotal: UInt64 = 0
    /// Of which in user mode, in nanoseconds.
    public var cpuUser: UInt64 = 0
    /// Of which in the kernel, in nanoseconds.
    public var cpuSystem: UInt64 = 0
    /// Periods, throttled periods and throttled nanoseconds of the processor limit.
    public var cpuPeriods: UInt64 = 0
    /// See `cpuPeriods`.
    public var cpuThrottledPeriods: UInt64 = 0
    /// See `cpuPeriods`.
    public var cpuThrottledTime: UInt64 = 0
    /// Bytes charged to the cgroup, page cache included.
    public var memory: UInt64 = 0
    /// Bytes of inactive page cache among them, which `docker stats` subtracts.
    public var memoryInactiveFile: UInt64 = 0
    /// Highest value of `memory`; 0 where the kernel does not keep it.
    public var memoryPeak: UInt64 = 0
    /// Limit in bytes; the host's memory if there is none.
    public var memoryLimit: UInt64 = 0
    /// Every key of the cgroup's `memory.stat`.
    public var memoryStatistics: [String: UInt64] = [:]
    /// Processes and threads.
    public var pids: UInt64 = 0
    /// Limit of `pids`; 0 if there is none.
    public var pidsLimit: UInt64 = 0
    /// Bytes read from block devices.
    public var blockRead: UInt64 = 0
    /// Bytes written to block devices.
    public var blockWritten: UInt64 = 0

    /// Nothing used.
    public init() {}
}
