// SPDX-License-Identifier: Apache-2.0

import GRDB
public import TandemModel

extension StateStore {
    private struct Row: Codable, FetchableRecord, PersistableRecord {
        static let databaseTableName = "network"
        var id: String
        var name: String
        var record: NetworkRecord
    }

    /// Adds or replaces the record of a network.
    ///
    /// Blocks.
    public func save(_ network: NetworkRecord) throws(EngineError) {
        do {
            try database.write { try Row(id: network.id, name: network.name, record: network).save($0) }
        } catch {
            throw Self.failure(error)
        }
    }

    /// Removes the record of a network; a missing one is no failure.
    ///
    /// Blocks.
    public func removeNetwork(_ id: String) throws(EngineError) {
        do {
            try database.write { try $0.execute(sql: "DELETE FROM network WHERE id = ?", arguments: [id]) }
        } catch {
            throw Self.failure(error)
        }
    }

    /// The records of all networks.
    ///
    /// Blocks.
    ///
    /// - Throws: `.corruptData` for a record that this version cannot read.
    public func networks() throws(EngineError) -> [NetworkRecord] {
        do {
            return try database.read { try Row.fetchAll($0).map(\.record) }
        } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch {
            throw EngineError(.corruptData, "a network's record cannot be read", cause: error)
        }
    }
}
