// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import EngineAPI

@Suite("Filters of containers")
struct ContainerFilterTests {
    @Test(
        "what dockerd does not know is refused in its words",
        arguments: [
            ("nosuch", "1", "invalid filter 'nosuch'"), ("status", "bad", "invalid filter 'status=bad'"),
            ("health", "bad", "Unrecognised filter value for health: bad"),
            ("exited", "x", "invalid filter 'exited=x'"), ("is-task", "x", "invalid filter 'is-task=[x]'"),
            ("publish", "1:2", "filter for 'publish' should not contain ':': 1:2"),
            ("expose", "x", "error while looking up for expose x: it is no port and no range of ports"),
            ("publish", "80-70", "error while looking up for publish 80-70: it is no port and no range of ports"),
        ])
    func refused(_ name: String, _ value: String, _ words: String) {
        let error = #expect(throws: EngineError.self) { try ContainerFilter([name: [value]]) }
        #expect(error?.code == .invalidArgument && error?.message == words)
    }

    @Test("a prune takes only what its filters let it")
    func prunes() throws {
        let now = Timestamp(nanoseconds: 3_600_000_000_000)
        func includes(_ filters: [String: [String]], age: Duration = .zero, _ labels: [String: String] = [:]) throws
            -> Bool
        {
            let created = Timestamp(nanoseconds: now.nanoseconds - age.nanoseconds)
            return try PruneFilter(filters, now: now).includes(created: created, labels: labels)
        }
        #expect(try includes([:]))
        #expect(try includes(["until": ["10m"]], age: .seconds(601)))
        #expect(try !includes(["until": ["10m"]], age: .seconds(599)))
        #expect(try includes(["until": ["3000"]], age: .seconds(601)))
        #expect(try includes(["label": ["a=b"]], ["a": "b"]) && !includes(["label": ["a=b"]], ["a": "c"]))
        #expect(try includes(["label!": ["a"]], ["b": ""]) && !includes(["label!": ["a"]], ["a": "c"]))
        #expect(throws: EngineError.self) { try includes(["name": ["x"]]) }
        #expect(throws: EngineError.self) { try includes(["until": ["1m", "2m"]]) }
    }

    @Test("everything that it knows is taken")
    func known() throws {
        for (name, value) in [
            ("ancestor", "a"), ("before", "a"), ("exited", "137"), ("expose", "80-90/tcp"), ("health", "none"),
            ("id", "a"), ("is-task", "false"), ("isolation", "default"), ("label", "a=b"), ("name", "["),
            ("network", "none"), ("publish", "53/udp"), ("since", "a"), ("status", "restarting"), ("volume", "a"),
            ("runtime", "vm"),
        ] {
            _ = try ContainerFilter([name: [value]])
        }
    }
}
