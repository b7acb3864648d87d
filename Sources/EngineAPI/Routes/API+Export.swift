// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import TandemModel

extension API {
    /// `docker diff`.
    func containerChanges(_ call: Call) async throws(EngineError) {
        let changes = try await engine.changes(call["id"])
        let rows = changes.map { change -> JSONValue in
            ["Path": .string(change.path), "Kind": .count(change.kind.rawValue)]
        }
        try await call.connection.respond(rows.isEmpty ? nil : .array(rows))
    }

    /// `docker export`.
    func exportContainer(_ call: Call) async throws(EngineError) {
        let relay = ByteRelay()
        let (engine, id) = (engine, call["id"])
        _ = try await engine.snapshot(id)
        async let packed: Void = {
            defer { relay.finish() }
            return try await engine.export(id) { (bytes) throws(EngineError) in await relay.send(bytes) }
        }()
        do {
            // Whatever fails before the first byte is told as any other failure.
            while let bytes = await relay.next() {
                if !call.connection.hasResponded { try await call.connection.begin(type: "application/octet-stream") }
                try await call.connection.send(bytes)
            }
        } catch {
            // The packer must not wait for a client that has gone.
            relay.close()
            throw error
        }
        do {
            try await packed
        } catch {
            throw error as? EngineError ?? EngineError(.internal, "the export failed", cause: error)
        }
        try await call.connection.end()
    }
}
