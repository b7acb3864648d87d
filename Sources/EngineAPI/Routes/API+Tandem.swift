// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import LaunchProtocol
import LinuxSystem
import NIOHTTP1
import TandemModel

/// What Docker's API has no words for.
extension API {
    func report(_ call: Call) async throws(EngineError) {
        let reports = await engine.reports()
        try await call.connection.respond([
            "version": .string(APIVersion.product), "host": .string(HostInformation.hostname),
            "operatingSystem": .string(HostInformation.operatingSystem),
            "kernel": .string(HostInformation.kernelRelease),
            "processors": .count(HostInformation.processors), "memory": .count(HostInformation.memory),
            "backends": JSONValue(encoding: reports),
        ])
    }

    func trace(_ call: Call) async throws(EngineError) {
        let record = try await engine.snapshot(call["id"]).record
        guard let trace = record.trace else {
            throw EngineError(.conflict, "the container '\(record.name)' has never been started")
        }
        try await call.connection.respond(JSONValue(encoding: trace))
    }

    func footprint(_ call: Call) async throws(EngineError) {
        let footprint = try await engine.footprint(call["id"])
        let processes = footprint.processes
        try await call.connection.respond([
            "processes": .array(
                processes.map { process in
                    [
                        "role": .string(process.role), "pid": .count(process.pid),
                        "pss": .count(process.memory.proportional), "rss": .count(process.memory.resident),
                        "shared": .count(process.memory.shared), "guestMemory": .count(process.memory.mapping),
                        "pageTables": .count(process.memory.pageTables), "cpuTime": .count(process.cpuTime),
                        "threads": .count(process.memory.threads),
                    ]
                }),
            "pss": .count(processes.reduce(0) { $0 + $1.memory.proportional }),
            "processCount": .count(processes.count),
            "threadCount": .count(processes.reduce(0) { $0 + $1.memory.threads }), "storage": .count(footprint.storage),
            "guest": footprint.guest.map { Self.document($0) } ?? nil,
        ])
    }

    private static func document(_ guest: GuestUsage) -> JSONValue {
        [
            "memoryTotal": .count(guest.memoryTotal), "memoryFree": .count(guest.memoryFree),
            "memoryAvailable": .count(guest.memoryAvailable), "pageCache": .count(guest.pageCache),
            "slab": .count(guest.slab), "pageTables": .count(guest.pageTables),
            "kernelMemory": .count(guest.kernelMemory), "writableUsed": .count(guest.writableUsed),
            "cpuTime": .count(guest.cpuTime),
            "kernelRelease": .string(String(decoding: guest.kernelRelease, as: UTF8.self)),
        ]
    }

    func listKernels(_ call: Call) async throws(EngineError) {
        let entries = try await kernels.list()
        try await call.connection.respond(
            .array(
                entries.map { entry in
                    [
                        "name": .string(entry.name), "release": .string(entry.release), "size": .count(entry.size),
                        "used": .bool(entry.isUsed),
                    ]
                }))
    }

    func useKernel(_ call: Call) async throws(EngineError) {
        try await kernels.use(call["name"])
        try await call.connection.respond(.noContent)
    }
}
