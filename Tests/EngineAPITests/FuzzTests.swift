// SPDX-License-Identifier: Apache-2.0

import APIModel
import Foundation
import OCI
import TandemModel
import TestSupport
import Testing

@testable import EngineAPI
@testable import ImageStore

/// What any client could send: never a crash, and one clear answer.
@Suite("Fuzzing of the API's parsers")
struct FuzzTests {
    private static let names = [
        "web", "", "..", "%2e%2e%2f", "a/b", "é", "\u{0}", String(repeating: "x", count: 5_000), "{id}", "?",
    ]

    @Test func routes() {
        let patterns = API.router.routes.map { ($0.method, $0.pattern) }
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let (method, pattern) = fuzzing.pick(patterns)
            var path = pattern.split(separator: "/").map { part in
                part.hasPrefix("{") ? fuzzing.pick(Self.names) : String(part)
            }.joined(separator: "/")
            path = "/" + path
            if Bool.random(using: &fuzzing.generator) {
                path = String(decoding: fuzzing.mutated(Array(path.utf8)), as: UTF8.self)
            }
            guard let found = API.router.find(method, path) else { continue }
            // Every placeholder of the route has a value.
            let placeholders = found.route.pattern.split(separator: "/").filter { $0.hasPrefix("{") }
            #expect(found.parameters.count == placeholders.count, "seed \(fuzzing.seed)")
        }
    }

    @Test func percentEncoding() {
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let text = String(decoding: fuzzing.mutated(Array("a%20b+c%ff%zz%".utf8)), as: UTF8.self)
            #expect(Request.decode(text[...]).utf8.count <= text.utf8.count * 3, "seed \(fuzzing.seed)")
        }
    }

    @Test func documents() throws {
        let sample: JSONValue = [
            "Image": "x", "Cmd": ["sh", "-c", "true"], "Env": ["A=1"], "Labels": ["a": "b"], "Tty": true,
            "StopTimeout": 3, "Healthcheck": ["Test": ["CMD", "true"], "Interval": 1_000_000_000],
            "HostConfig": [
                "Binds": ["/a:/b:ro"], "Memory": 134_217_728, "NanoCpus": 500_000_000, "CapAdd": ["NET_ADMIN"],
                "Mounts": [["Type": "tmpfs", "Target": "/t", "TmpfsOptions": ["SizeBytes": 4_096, "Mode": 511]]],
                "Ulimits": [["Name": "nofile", "Soft": 1, "Hard": 2]], "LogConfig": ["Type": "json-file"],
                "Devices": [["PathOnHost": "/dev/null"]],
                "RestartPolicy": ["Name": "on-failure", "MaximumRetryCount": 2],
            ],
        ]
        let text = sample.encoded()
        let configuration = try JSONDecoder().decode(
            ImageConfiguration.self,
            from: Data(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8))
        let image = Image(id: "sha256:x", configuration: configuration, layers: [], references: [])
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            guard let body = JSONValue(parsing: Data(fuzzing.mutated(text))) else { continue }
            #expect(JSONValue(parsing: Data(body.encoded())) == body, "seed \(fuzzing.seed)")
            // Taken or refused; nothing else.
            _ = try? CreateRequest(body, image: image).specification(image: image)
        }
    }

    @Test func streamFrames() {
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let wire = StreamFrame.encode(.output, fuzzing.random(atMost: 100)) + StreamFrame.encode(.errors, [1])
            let damaged = fuzzing.mutated(wire)
            var decoder = StreamFrameDecoder()
            var count = 0
            for byte in damaged {
                decoder.append([byte])
                while let piece = decoder.next() { count += piece.bytes.count + 8 }
            }
            #expect(count <= damaged.count, "seed \(fuzzing.seed)")
        }
    }
}
