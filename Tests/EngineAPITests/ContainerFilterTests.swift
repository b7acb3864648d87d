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
