// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import LinuxSystem
import OCI
import TandemModel

extension API {
    func events(_ call: Call) async throws(EngineError) {
        let filter = EventFilter(try call.request.filters())
        let since = try call.request["since"].map { (text) throws(EngineError) in try TimeParameter.parse(text) }
        let until = try call.request["until"].map { (text) throws(EngineError) in try TimeParameter.parse(text) }
        if let since, let until, until < since {
            throw EngineError(
                .invalidArgument,
                "`since` time (\(call.request["since"] ?? "")) cannot be after `until` time (\(call.request["until"] ?? ""))"
            )
        }
        let (past, live) = await engine.events(until: until)
        try await call.connection.begin(type: "application/json")
        if since != nil || until != nil {
            for event in past where event.time >= since ?? event.time && event.time <= until ?? event.time {
                try await send(event, filter, call.connection)
            }
        }
        if until.map({ $0 > HostTime.now }) ?? true {
            for await event in live { try await send(event, filter, call.connection) }
        }
        try await call.connection.end()
    }

    private func send(_ event: EngineEvent, _ filter: EventFilter, _ connection: Connection) async throws(EngineError) {
        guard filter.includes(event) else { return }
        try await connection.send(Self.document(event).encoded() + [0x0A])
    }

    static func document(_ event: EngineEvent) -> JSONValue {
        var document: JSONValue = [
            "Type": .string(event.type), "Action": .string(event.action), "scope": "local",
            "Actor": ["ID": .string(event.id), "Attributes": .map(event.attributes)],
            "time": .count(event.time.nanoseconds / 1_000_000_000), "timeNano": .count(event.time.nanoseconds),
        ]
        // The form that the API had before 1.22, which clients still read.
        if event.type == "container" || event.type == "image" {
            document["status"] = .string(event.action)
            if !event.id.isEmpty { document["id"] = .string(event.id) }
        }
        if event.type == "container", let image = event.attributes["image"] { document["from"] = .string(image) }
        return document
    }
}
