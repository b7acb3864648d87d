// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import EngineAPI

@Suite("--volumes-from")
struct VolumesFromRequestTests {
    @Test("volumes and binds are inherited, never more writable than they were")
    func inherits() throws {
        var volume = MountSpec(source: .volume(name: "v"), target: "/v", anonymous: true)
        volume.shortForm = "z"
        let bind = MountSpec(source: .bind(path: "/b"), target: "/b", readOnly: true)
        let writable = try VolumesFromRequest("donor")
        #expect(writable.workload == "donor")
        let heir = try #require(writable.inherited(volume))
        #expect(heir.source == volume.source && heir.noCopy && heir.anonymous && !heir.readOnly && heir.mode == "")
        #expect(writable.inherited(bind)?.readOnly == true)
        #expect(try VolumesFromRequest("donor:ro,z").inherited(volume)?.readOnly == true)
        #expect(writable.inherited(MountSpec(source: .tmpfs(options: ""), target: "/t")) == nil)
    }

    @Test(
        "anything else is refused in dockerd's words",
        arguments: [
            ("", "volumes-from specification cannot be an empty string"), ("a:bad", "invalid mode: bad"),
            ("a:ro,rw", "invalid mode: ro,rw"), ("a:ro,ro", "invalid mode: ro,ro"),
        ])
    func refuses(_ text: String, _ words: String) {
        let error = #expect(throws: EngineError.self) { try VolumesFromRequest(text) }
        #expect(error?.message == words)
    }
}
