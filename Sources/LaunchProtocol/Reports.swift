// SPDX-License-Identifier: Apache-2.0

/// How a process ended, as the monitor keeps it.
public struct ExitRecord: Sendable, Equatable {
    /// Exit code as a shell reports it: the process's own, or 128 + signal.
    public var code: Int32
    /// Nanoseconds since 1970 on the host's clock.
    public var time: Int64
    /// Nanoseconds of the host's CLOCK_MONOTONIC.
    public var monotonic: UInt64
    /// Whether the guest's kernel reported an out-of-memory kill of the workload (a container's cgroup tells the engine itself).
    public var outOfMemory: Bool
    /// Whether nobody saw the end: the guest in which it ran is gone.
    public var guestLost: Bool
    /// Describes an end.
    public init(code: Int32, time: Int64, monotonic: UInt64, outOfMemory: Bool = false, guestLost: Bool = false) {
        self.code = code
        self.time = time
        self.monotonic = monotonic
        self.outOfMemory = outOfMemory
        self.guestLost = guestLost
    }
}

/// Phases as one byte on the wire.
public enum PhaseCode: UInt8, Sendable {
    /// From the guest kernel's first instruction to the agent's.
    case kernel = 1
    /// From the agent's first instruction to the launch plan's arrival.
    case agent = 2
    /// `LaunchPlan.storage`.
    case storage = 3
    /// clone3 and the set-up of the root inside the new namespaces.
    case namespaces = 4
    /// From the end of the set-up to the success of execve.
    case exec = 5
    /// From execve to the first byte of output.
    case firstByte = 6
    /// From execve to the end.
    case run = 7
    /// From the monitor's first instruction to its readiness.
    case monitor = 8
}

/// One process of a workload.
public struct ProcessRow: Sendable, Equatable {
    /// As the executor sees it: a host pid for a container, a guest pid for a VM.
    public var pid: UInt32
    /// Effective user.
    public var uid: UInt32
    /// Effective group.
    public var gid: UInt32
    /// The line that proc_pid_stat(5) describes.
    public var statistics: Bytes
    /// The arguments, separated by zero bytes; empty if it has none.
    public var command: Bytes
    /// Describes a process.
    public init(pid: UInt32, uid: UInt32, gid: UInt32, statistics: Bytes, command: Bytes) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.statistics = statistics
        self.command = command
    }
}

/// A guest's own view of its resources, in bytes and nanoseconds.
public struct GuestUsage: Sendable, Equatable {
    /// `MemTotal` of /proc/meminfo.
    public var memoryTotal: UInt64 = 0
    /// `MemFree`.
    public var memoryFree: UInt64 = 0
    /// `MemAvailable`.
    public var memoryAvailable: UInt64 = 0
    /// `Cached` and `Buffers`.
    public var pageCache: UInt64 = 0
    /// `Slab`.
    public var slab: UInt64 = 0
    /// `PageTables`.
    public var pageTables: UInt64 = 0
    /// What the kernel itself holds: `Slab`, `PageTables`, `KernelStack` and `Percpu`.
    public var kernelMemory: UInt64 = 0
    /// Bytes used on the writable disk.
    public var writableUsed: UInt64 = 0
    /// Processor time of all processors that was not idle.
    public var cpuTime: UInt64 = 0
    /// Kernel release, as `uname -r`.
    public var kernelRelease: Bytes = []
    /// Nothing known.
    public init() {}
}
