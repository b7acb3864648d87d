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
    /// Processor time on each processor, in nanoseconds; empty where the kernel does not keep it.
    public var cpuByProcessor: [UInt64] = []
    /// Block devices that were used.
    public var blocks: [BlockUsage] = []

    /// Nothing used.
    public init() {}
}

/// Use of one block device since the start.
public struct BlockUsage: Sendable, Codable, Equatable {
    /// Major number.
    public var major: UInt32
    /// Minor number.
    public var minor: UInt32
    /// Bytes read.
    public var readBytes: UInt64 = 0
    /// Bytes written.
    public var writtenBytes: UInt64 = 0
    /// Reads.
    public var reads: UInt64 = 0
    /// Writes.
    public var writes: UInt64 = 0

    /// A device that was not used yet.
    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }
}
