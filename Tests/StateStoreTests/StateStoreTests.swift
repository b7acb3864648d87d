// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import StateStore
import TandemModel
import Testing

@Suite("The state store")
struct StateStoreTests {
    private let path = NSTemporaryDirectory() + "state-\(UUID().uuidString).db"

    private func record(_ name: String) -> WorkloadRecord {
        let spec = WorkloadSpec(
            kind: .vm, imageReference: "busybox", imageID: "sha256:0", process: ProcessSpec(arguments: ["sh"]),
            hostname: "h")
        return WorkloadRecord(id: .random(), name: name, spec: spec, created: Timestamp(nanoseconds: 1))
    }

    @Test("records survive the daemon as they were")
    func roundTrip() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var record = record("web")
        record.exit = ExitStatus(code: 137, outOfMemory: true)
        record.trace = StartupTrace(requested: 5, phases: [Phase(.exec, start: 6, end: 7)])
        try await StateStore(path: path).save(record)
        let again = try StateStore(path: path)
        #expect(try await again.all() == [record])
        record.name = "renamed"
        try await again.save(record)
        #expect(try await again.all() == [record])
        try await again.remove(record.id)
        #expect(try await again.all().isEmpty)
    }

    @Test("records from before restart policies get none")
    func recordsWithoutPolicies() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let record = record("old")
        try await StateStore(path: path).save(record)
        try await DatabaseQueue(path: path).write { database in
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_remove(record, '$.spec.restart', '$.restartCount', '$.stoppedByUser');
                    DELETE FROM grdb_migrations WHERE identifier <> 'workloads'
                    """)
        }
        #expect(try await StateStore(path: path).all() == [record])
    }

    @Test("records from before namespaces and kept requests get Docker's defaults")
    func recordsWithoutNamespaces() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let record = record("old")
        try await StateStore(path: path).save(record)
        try await DatabaseQueue(path: path).write { database in
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_remove(
                        record, '$.spec.namespaces', '$.spec.resolver', '$.spec.cgroupParent', '$.spec.deviceRules',
                        '$.spec.request', '$.spec.log.attributes', '$.spec.limits.outOfMemoryKillerDisabled',
                        '$.spec.limits.memoryNodes', '$.spec.limits.block');
                    DELETE FROM grdb_migrations WHERE identifier = 'namespaces and requests'
                    """)
        }
        #expect(try await StateStore(path: path).all() == [record])
    }

    @Test("two workloads never have one name")
    func names() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try StateStore(path: path)
        try await store.save(record("web"))
        let error = await #expect(throws: EngineError.self) { try await store.save(record("web")) }
        #expect(error?.code == .conflict)
    }

    @Test("rubbish is no database")
    func damaged() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(repeating: 7, count: 8_192).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: EngineError.self) { try StateStore(path: path) }
        #expect(error?.code == .corruptData)
    }
}
