// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import LinuxSystem
import Netlink
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

    /// What dockerd says of a container that does not run.
    private static let nothing: JSONValue = [
        "read": "0001-01-01T00:00:00Z", "pids_stats": [:], "memory_stats": [:], "cpu_stats": noProcessorTime,
        "blkio_stats": .object(Dictionary(uniqueKeysWithValues: blockCounters.map { ($0, .null) })),
    ]

    private static let noProcessorTime: JSONValue = [
        "cpu_usage": ["total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0],
        "throttling_data": ["periods": 0, "throttled_periods": 0, "throttled_time": 0],
    ]

    private static let blockCounters = [
        "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
        "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
    ]

    private func sample(_ snapshot: WorkloadSnapshot) async throws(EngineError) -> JSONValue {
        // One that has been removed meanwhile uses nothing.
        let found = try? await engine.usage(snapshot.record.id.description)
        guard let usage = found ?? nil else { return Self.nothing }
        var processors: JSONValue = [
            "total_usage": .count(usage.cpuTotal), "usage_in_kernelmode": .count(usage.cpuSystem),
            "usage_in_usermode": .count(usage.cpuUser),
        ]
        if !usage.cpuByProcessor.isEmpty {
            processors["percpu_usage"] = .array(usage.cpuByProcessor.map { .count($0) })
        }
        var memory: JSONValue = [
            "usage": .count(usage.memory), "limit": .count(usage.memoryLimit),
            "stats": .object(usage.memoryStatistics.mapValues { .count($0) }),
        ]
        if usage.memoryPeak > 0 { memory["max_usage"] = .count(usage.memoryPeak) }
        var processes: JSONValue = ["current": .count(usage.pids)]
        if usage.pidsLimit > 0 { processes["limit"] = .count(usage.pidsLimit) }
        // The counters go with the workload.
        let traffic = (try? await engine.traffic(of: snapshot.record.id)) ?? [:]
        var sample: JSONValue = [
            "read": .string(HostTime.now.rfc3339), "memory_stats": memory, "pids_stats": processes,
            "blkio_stats": Self.blocks(usage.blocks),
            "cpu_stats": [
                "cpu_usage": processors, "system_cpu_usage": .count(Self.hostProcessorTime()),
                "online_cpus": .count(HostInformation.processors),
                "throttling_data": [
                    "periods": .count(usage.cpuPeriods), "throttled_periods": .count(usage.cpuThrottledPeriods),
                    "throttled_time": .count(usage.cpuThrottledTime),
                ],
            ],
        ]
        if !traffic.isEmpty { sample["networks"] = .object(traffic.mapValues(Self.counters)) }
        return sample
    }

    private static func counters(_ traffic: LinkTraffic) -> JSONValue {
        [
            "rx_bytes": .count(traffic.receivedBytes), "rx_packets": .count(traffic.receivedPackets),
            "rx_errors": .count(traffic.receiveErrors), "rx_dropped": .count(traffic.receiveDrops),
            "tx_bytes": .count(traffic.sentBytes), "tx_packets": .count(traffic.sentPackets),
            "tx_errors": .count(traffic.sendErrors), "tx_dropped": .count(traffic.sendDrops),
        ]
    }

    private static func blocks(_ devices: [BlockUsage]) -> JSONValue {
        var counters: JSONValue = .object(Dictionary(uniqueKeysWithValues: blockCounters.map { ($0, []) }))
        let entry = { (device: BlockUsage, operation: String, value: UInt64) -> JSONValue in
            [
                "major": .count(device.major), "minor": .count(device.minor), "op": .string(operation),
                "value": .count(value),
            ]
        }
        counters["io_service_bytes_recursive"] = .array(
            devices.flatMap { [entry($0, "read", $0.readBytes), entry($0, "write", $0.writtenBytes)] })
        counters["io_serviced_recursive"] = .array(
            devices.flatMap { [entry($0, "read", $0.reads), entry($0, "write", $0.writes)] })
        return counters
    }

    private static func document(_ record: WorkloadRecord, _ current: JSONValue, _ previous: JSONValue) -> JSONValue {
        var document = current
        document["name"] = .string("/\(record.name)")
        document["id"] = .string(record.id.description)
        document["preread"] = previous == .null ? "0001-01-01T00:00:00Z" : previous["read"]
        document["precpu_stats"] = previous == .null ? noProcessorTime : previous["cpu_stats"]
        document["num_procs"] = 0
        document["storage_stats"] = [:]
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
