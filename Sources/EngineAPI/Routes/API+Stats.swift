// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import LinuxSystem
import TandemModel

extension API {
    func containerStats(_ call: Call) async throws(EngineError) {
        let snapshot = try await engine.snapshot(call["id"])
        let isStream = call.request.flag("stream", default: true)
        // Without a stream and without `one-shot` the client wants a difference, for which it waits a second.
        let isOneShot = call.request.flag("one-shot")
        try await call.connection.begin(type: "application/json")
        var previous: JSONValue = .null
        if !isStream && !isOneShot {
            previous = try await sample(snapshot)
            try? await Task.sleep(for: .seconds(1))  // cancelled when the client goes
        }
        repeat {
            let current = try await sample(snapshot)
            let document = Self.document(snapshot.record, current, previous)
            try await call.connection.send(document.encoded() + [0x0A])
            previous = current
            guard isStream else { break }
            try? await Task.sleep(for: .seconds(1))  // cancelled when the client goes
        } while !Task.isCancelled
        try await call.connection.end()
    }

    private func sample(_ snapshot: WorkloadSnapshot) async throws(EngineError) -> JSONValue {
        // One that has been removed meanwhile uses nothing.
        let found = try? await engine.usage(snapshot.record.id.description)
        guard let usage = found ?? nil else { return ["read": .string(HostTime.now.rfc3339), "cpu_stats": [:]] }
        return [
            "read": .string(HostTime.now.rfc3339),
            "cpu_stats": [
                "cpu_usage": [
                    "total_usage": .count(usage.cpuTotal), "usage_in_kernelmode": .count(usage.cpuSystem),
                    "usage_in_usermode": .count(usage.cpuUser),
                ],
                "system_cpu_usage": .count(Self.hostProcessorTime()), "online_cpus": .count(HostInformation.processors),
                "throttling_data": [
                    "periods": .count(usage.cpuPeriods), "throttled_periods": .count(usage.cpuThrottledPeriods),
                    "throttled_time": .count(usage.cpuThrottledTime),
                ],
            ],
            "memory_stats": [
                "usage": .count(usage.memory), "max_usage": .count(usage.memoryPeak),
                "limit": .count(usage.memoryLimit),
                "stats": .object(usage.memoryStatistics.mapValues { .count($0) }),
            ],
            "pids_stats": ["current": .count(usage.pids), "limit": .count(usage.pidsLimit)],
            "blkio_stats": [
                "io_service_bytes_recursive": [
                    ["major": 0, "minor": 0, "op": "read", "value": .count(usage.blockRead)],
                    ["major": 0, "minor": 0, "op": "write", "value": .count(usage.blockWritten)],
                ]
            ],
        ]
    }

    private static func document(_ record: WorkloadRecord, _ current: JSONValue, _ previous: JSONValue) -> JSONValue {
        var document = current
        document["name"] = .string("/\(record.name)")
        document["id"] = .string(record.id.description)
        document["preread"] = previous == .null ? "0001-01-01T00:00:00Z" : previous["read"]
        document["precpu_stats"] = previous == .null ? ["cpu_usage": ["total_usage": 0]] : previous["cpu_stats"]
        document["num_procs"] = 0
        document["storage_stats"] = [:]
        document["networks"] = [:]
        return document
    }

    /// Processor time of the whole host in nanoseconds: the first eight fields of /proc/stat, in ticks of 10 ms.
    private static func hostProcessorTime() -> UInt64 {
        // Without /proc there is no percentage.
        let text = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        let fields = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().prefix(8)
        return fields.reduce(0) { $0 + (UInt64($1) ?? 0) } * 10_000_000
    }
}
