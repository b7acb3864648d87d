// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import NIOHTTP1
import TandemModel

extension API {
    func containerLogs(_ call: Call) async throws(EngineError) {
        let selection = try LogSelection(call.request)
        let snapshot = try await engine.snapshot(call["id"])
        guard snapshot.record.spec.log.driver == .jsonFile else {
            throw EngineError(
                .unsupported, "configured logging driver does not support reading",
                hint: "The container was created with --log-driver none.")
        }
        let isTerminal = snapshot.record.spec.process.terminal
        let reader = LogReader(path: snapshot.logPath)
        let entries = selection.last(of: await reader.readAll())
        try await call.connection.begin(type: Self.streamType(isTerminal: isTerminal, call.request))
        try await send(entries, selection, call.connection, isTerminal: isTerminal)
        if selection.follows && !selection.hasEnded(entries) {
            try await follow(reader, snapshot.record.id, selection, call.connection, isTerminal: isTerminal)
        }
        try await call.connection.end()
    }

    private func follow(
        _ reader: LogReader, _ id: WorkloadID, _ selection: LogSelection, _ connection: Connection, isTerminal: Bool
    ) async throws(EngineError) {
        while !Task.isCancelled {
            // Asked before reading: what is written until the end is read after it.
            let isRunning = (try? await engine.snapshot(id.description))?.record.isRunning ?? false  // removed: ended
            let entries = reader.readNew()
            try await send(entries, selection, connection, isTerminal: isTerminal)
            if (entries.isEmpty && !isRunning) || selection.hasEnded(entries) { return }
            if entries.isEmpty {
                // Cancelled when the client goes.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func send(
        _ entries: [LogEntry], _ selection: LogSelection, _ connection: Connection, isTerminal: Bool
    ) async throws(EngineError) {
        var bytes: [UInt8] = []
        for entry in entries where selection.wants(entry) {
            let text = Array(selection.text(of: entry).utf8)
            bytes += isTerminal ? text : StreamFrame.encode(entry.stream == "stderr" ? .errors : .output, text)
            if bytes.count > 1 << 18 {
                try await connection.send(bytes)
                bytes = []
            }
        }
        try await connection.send(bytes)
    }
}
