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
    /// Processor time in billionths of a processor (`--cpus 1.5` is 1,500,000,000); `nil` is unlimited.
    public var nanoCPUs: Int64?
    /// Relative weight, Docker's 2–262,144 with 1,024 as the default.
    public var cpuShares: UInt64?
    /// Processors that may be used, in the kernel's list format, for example `0-1,3`; empty means all.
    public var cpuset: String
    /// Number of processes and threads; `nil` is unlimited.
    public var pids: Int64?

    /// No limits.
    public init() { cpuset = "" }
}
