// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import TandemModel
import Testing

@testable import EngineAPI

@Suite("Filters of events")
struct EventFilterTests {
    private static let time = Timestamp(nanoseconds: 1_500_000_000_000_000_001)
    private static let container = EngineEvent(
        type: "container", action: "exec_start: sh -c true", id: "c0ffee",
        attributes: ["name": "web", "image": "registry.io:5000/a/b:c", "color": "red"], time: time)
    private static let image = EngineEvent(
        type: "image", action: "tag", id: "sha256:1", attributes: ["name": "busybox:latest"], time: time)
    private static let volume = EngineEvent(
        type: "volume", action: "mount", id: "data", attributes: ["container": "c0ffee", "driver": "local"], time: time)

    /// Filters, and which of the three events they let through.
    @Test(
        "are dockerd's",
        arguments: [
            ([:], "civ"), (["type": ["image", "volume"]], "iv"), (["scope": ["local"]], "civ"),
            (["scope": ["swarm"]], ""), (["event": ["mount", "tag"]], "iv"), (["event": ["exec_start"]], "c"),
            (["event": ["exec_start: sh -c true"]], "c"), (["event": ["exec"]], ""), (["event": ["ta"]], ""),
            (["container": ["c0"]], "c"), (["container": ["we"]], "c"), (["container": ["eb"]], ""),
            (["volume": ["da"]], "v"), (["daemon": ["x"]], ""), (["image": ["busybox"]], "i"),
            (["image": ["busybox:latest"]], "i"), (["image": ["sha256:1"]], "i"),
            (["image": ["registry.io:5000/a/b"]], "c"), (["image": ["registry.io:5000/a/b:c"]], "c"),
            (["label": ["color"]], "c"), (["label": ["color=red", "driver"]], ""), (["label": ["driver=local"]], "v"),
            (["type": ["container"], "event": ["mount"]], ""), (["nosuch": ["x"]], "civ"), (["type": []], "civ"),
        ] as [([String: [String]], String)])
    func filters(_ filters: [String: [String]], _ wanted: String) {
        let filter = EventFilter(filters)
        let found = [("c", Self.container), ("i", Self.image), ("v", Self.volume)].filter { filter.includes($0.1) }
        #expect(found.map(\.0).joined() == wanted)
    }

    @Test("events have both forms of the API, and both times")
    func documents() {
        let container = API.document(Self.container)
        #expect(container["status"] == "exec_start: sh -c true" && container["id"] == "c0ffee")
        #expect(container["from"] == "registry.io:5000/a/b:c" && container["scope"] == "local")
        #expect(container["time"] == 1_500_000_000 && container["timeNano"] == 1_500_000_000_000_000_001)
        #expect(API.document(Self.image)["from"] == .null)
        #expect(API.document(Self.volume)["status"] == .null && API.document(Self.volume)["id"] == .null)
        #expect(API.document(Self.volume)["Actor"]["Attributes"]["container"] == "c0ffee")
    }
}
