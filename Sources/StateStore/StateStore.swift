// SPDX-License-Identifier: Apache-2.0

import GRDB
public import TandemModel

/// The records of all workloads in a SQLite database.
///
/// In WAL mode with `synchronous = NORMAL` a change costs no disk flush. A crash of the host may lose the last changes,
/// but then the workloads are gone too; what they left on disk is found by its names.
public final class StateStore: Sendable {
    let database: DatabaseQueue

    /// Opens the database, or makes it.
    ///
    /// Blocks.
    ///
    /// - Throws: `.corruptData` if the file is no database of ours, `.unavailable` if it cannot be opened.
    public init(path: String) throws(EngineError) {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
        }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrator.migrate(database)
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
        {
            throw EngineError(
                .corruptData, "the state database '\(path)' is damaged",
                hint: "Restore it from a copy, or move it away.",
                cause: error)
        } catch {
            throw EngineError(.unavailable, "the state database '\(path)' cannot be opened", cause: error)
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("workloads") { database in
            try database.create(table: "workload") { table in
                table.primaryKey("id", .text)
                table.column("name", .text).notNull().unique()
                table.column("record", .jsonText).notNull()
            }
        }
        migrator.registerMigration("restart policies") { database in
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_set(
                        record, '$.spec.restart', json('{"never":{}}'), '$.restartCount', 0,
                        '$.stoppedByUser', json('false'))
                    """)
        }
        migrator.registerMigration("namespaces and requests") { database in
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_set(
                        record, '$.spec.namespaces', json('{"processes":{"own":{}},"communication":{"own":{}},
                            "sharesHostName":false,"sharesControlGroups":false}'),
                        '$.spec.resolver', json('{"nameServers":[],"searchDomains":[],"options":[]}'),
                        '$.spec.cgroupParent', '', '$.spec.deviceRules', json('[]'), '$.spec.request', '',
                        '$.spec.log.attributes', json('{}'),
                        '$.spec.limits.outOfMemoryKillerDisabled', json('false'), '$.spec.limits.memoryNodes', '',
                        '$.spec.limits.block', json('{"deviceWeights":[],"readBytes":[],"writtenBytes":[],"reads":[],"writes":[]}'))
                    """)
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_set(
                        record, '$.spec.security.maskedPaths', json('[]'), '$.spec.security.readOnlyPaths', json('[]'))
                    WHERE json_extract(record, '$.spec.security.systemPathsMasked') = 0
                    """)
        }
        migrator.registerMigration("networks") { database in
            try database.create(table: "network", options: .ifNotExists) { table in
                table.primaryKey("id", .text)
                table.column("name", .text).notNull().unique()
                table.column("record", .jsonText).notNull()
            }
            try database.execute(
                sql: """
                    UPDATE workload SET record = json_set(
                        record, '$.spec.endpoints', json('[]'), '$.spec.ports', json('[]'),
                        '$.spec.exposedPorts', json('[]'), '$.spec.publishesAllPorts', json('false'))
                    """)
        }
        return migrator
    }

    private struct Row: Codable, FetchableRecord, PersistableRecord {
        static let databaseTableName = "workload"
        var id: String
        var name: String
        var record: WorkloadRecord
    }

    /// Adds or replaces a record.
    ///
    /// - Throws: `.conflict` if another workload has the name.
    public func save(_ record: WorkloadRecord) async throws(EngineError) {
        do {
            try await database.write { database in
                try Row(id: record.id.description, name: record.name, record: record).save(database)
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw EngineError(.conflict, "the name \"\(record.name)\" is already in use", cause: error)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Adds or replaces a record, in its turn among all changes, without waiting for it.
    ///
    /// `failed` is called if it could not be written.
    public func enqueue(_ record: WorkloadRecord, failed: @escaping @Sendable (EngineError) -> Void) {
        database.asyncWrite(
            { try Row(id: record.id.description, name: record.name, record: record).save($0) },
            completion: { if case .failure(let error) = $1 { failed(Self.failure(error)) } })
    }

    /// Removes a record, in its turn among all changes, without waiting for it.
    ///
    /// `failed` is called if it could not be removed.
    public func enqueueRemoval(_ id: WorkloadID, failed: @escaping @Sendable (EngineError) -> Void) {
        database.asyncWrite(
            { try Self.delete(id, $0) },
            completion: { if case .failure(let error) = $1 { failed(Self.failure(error)) } })
    }

    private static func delete(_ id: WorkloadID, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM workload WHERE id = ?", arguments: [id.description])
    }

    /// Removes a record; a missing one is no failure.
    public func remove(_ id: WorkloadID) async throws(EngineError) {
        do {
            try await database.write { try Self.delete(id, $0) }
        } catch {
            throw Self.failure(error)
        }
    }

    /// All records.
    ///
    /// - Throws: `.corruptData` for a record that this version cannot read.
    public func all() async throws(EngineError) -> [WorkloadRecord] {
        do {
            return try await database.read { try Row.fetchAll($0).map(\.record) }
        } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch {
            throw EngineError(.corruptData, "a workload's record cannot be read", cause: error)
        }
    }

    static func failure(_ error: any Error) -> EngineError {
        if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL {
            return EngineError(
                .resourceExhausted, "the state database cannot grow: no space is left",
                hint: "Free some space on the data root's file system.", cause: error)
        }
        return EngineError(.internal, "the state database failed", cause: error)
    }
}
