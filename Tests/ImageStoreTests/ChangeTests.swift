// SPDX-License-Identifier: Apache-2.0

import OCI
import TandemModel
import Testing

@testable import ImageStore

@Suite("--change")
struct ChangeTests {
    private func apply(_ changes: String...) throws -> ImageConfiguration.Defaults {
        var defaults = ImageConfiguration.Defaults()
        for change in changes { try defaults.apply(change: change) }
        return defaults
    }

    @Test("one instruction may name several things, with quotes and backslashes")
    func several() throws {
        let defaults = try apply(
            #"LABEL a=1 b="x y" c=z\ w"#, "LABEL a=2", "ENV A=1 B='2 3'", "ENV A=4", "ENV OLD some text",
            "EXPOSE 80 53/udp", "VOLUME /a /b")
        #expect(defaults.labels == ["a": "2", "b": "x y", "c": "z w"])
        #expect(defaults.environment == ["A=4", "B=2 3", "OLD=some text"])
        #expect(defaults.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
        #expect(defaults.volumes?.keys.sorted() == ["/a", "/b"])
    }

    @Test("what is no instruction is refused", arguments: ["", "LABEL", "LABEL a", "LABEL a=1 b", "ENV =1", "FROM x"])
    func bad(_ text: String) {
        let error = #expect(throws: EngineError.self) { try apply(text) }
        #expect(error?.code == .invalidArgument)
    }
}
