// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import SystemPackage
import TandemModel
import Testing

@testable import Backend

@Suite("What every entry of a log says beside the text")
struct LogAttributesTests {
    private func attributes(_ options: [String: String]) throws -> String {
        var spec = WorkloadSpec(
            kind: .container, imageReference: "busybox", imageID: "sha256:0123456789abcdef",
            process: ProcessSpec(arguments: ["true"], environment: ["A=1", "AB=2", "C=3"]), hostname: "h")
        spec.labels = ["role": "web", "tier": "front"]
        spec.log.attributes = options
        var request = WorkloadRequest(
            id: .random(), spec: spec, layers: [], mounts: [], files: [], dataDirectory: "/d", runDirectory: "/r")
        request.name = "name"
        return String(decoding: try LogAttributes.encoded(for: request), as: UTF8.self)
    }

    @Test("labels, variables and a tag are taken")
    func taken() throws {
        #expect(try attributes([:]) == "")
        #expect(try attributes(["labels": "role,none"]) == #"{"role":"web"}"#)
        #expect(try attributes(["env": "A", "env-regex": "^C"]) == #"{"A":"1","C":"3"}"#)
        #expect(try attributes(["tag": "{{.Name}}-{{ .ImageID }}"]) == #"{"tag":"name-0123456789ab"}"#)
    }

    @Test("a tag with an unknown field is refused")
    func unknown() {
        let error = #expect(throws: EngineError.self) { try attributes(["tag": "{{.Nonsense}}"]) }
        #expect(error?.message == "the log option tag has the unknown field '{{.Nonsense}}'")
        #expect(throws: EngineError.self) { try attributes(["tag": "{{.Name"]) }
        #expect(throws: EngineError.self) { try attributes(["env-regex": "("]) }
    }

    @Test("a control group of the user's choice stays in the hierarchy")
    func groups() {
        let paths = WorkloadPaths(dataRoot: "/data", runRoot: "/run")
        let id = WorkloadID.random()
        var spec = WorkloadSpec(
            kind: .container, imageReference: "", imageID: "", process: ProcessSpec(arguments: ["true"]), hostname: "")
        #expect(paths.groupName(spec, id) == id.description)
        for (parent, expected) in [("/a/b", "/a/b"), ("a.slice", "/a.slice"), ("../../x", "/x")] {
            spec.cgroupParent = parent
            #expect(paths.groupName(spec, id) == "\(expected)/\(id)")
        }
    }
}
