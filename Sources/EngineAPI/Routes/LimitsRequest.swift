// SPDX-License-Identifier: Apache-2.0

import APIModel
import LinuxSystem
import TandemModel

/// Reads limits from a HostConfig, or from the body of `update`, with dockerd's checks.
enum LimitsRequest {
    static func limits(from host: JSONValue, on present: ResourceLimits) throws(EngineError) -> ResourceLimits {
        var limits = present
        if let memory = host["Memory"].integer, memory != 0 {
            guard memory >= 6 << 20 else {
                throw EngineError(.invalidArgument, "Minimum memory limit allowed is 6MB", hint: "For example -m 64m.")
            }
            limits.memory = ByteCount(UInt64(memory))
        }
        if let swap = host["MemorySwap"].integer, swap != 0 {
            guard let memory = limits.memory else {
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
        if let reservation = host["MemoryReservation"].integer, reservation > 0 {
            limits.memoryReservation = ByteCount(UInt64(reservation))
        }
        try setProcessors(host, &limits)
        if let pids = host["PidsLimit"].integer, pids != 0 {
            // To take a limit away is a change; to have none from the start is not.
            limits.pids = pids > 0 ? pids : present.pids.map { _ in -1 }
        }
        return limits
    }

    private static func setProcessors(_ host: JSONValue, _ limits: inout ResourceLimits) throws(EngineError) {
        let online = HostInformation.processors
        if let nano = host["NanoCpus"].integer, nano != 0 {
            guard nano > 0, nano <= Int64(online) * 1_000_000_000 else {
                throw EngineError(
                    .invalidArgument,
                    "range of CPUs is from 0.01 to \(online).00, as there are only \(online) CPUs available",
                    hint: "For example --cpus 0.5.")
            }
            limits.nanoCPUs = nano
        }
        if let quota = host["CpuQuota"].integer, quota > 0 {
            let period = host["CpuPeriod"].integer ?? 0
            limits.nanoCPUs = quota * 1_000_000_000 / (period > 0 ? period : 100_000)
        }
        if let shares = host["CpuShares"].integer, shares > 0 { limits.cpuShares = UInt64(shares) }
        if let set = host["CpusetCpus"].string, !set.isEmpty {
            guard isProcessorSet(set, online: online) else {
                throw EngineError(
                    .invalidArgument, "Requested CPUs are not available - requested \(set), available: 0-\(online - 1)",
                    hint: "For example --cpuset-cpus 0.")
            }
            limits.cpuset = set
        }
    }

    private static func isProcessorSet(_ text: String, online: Int) -> Bool {
        text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard bounds.count <= 2, let first = bounds.first ?? nil, let last = bounds.last ?? nil else {
                return false
            }
            return first >= 0 && first <= last && last < online
        }
    }
}
