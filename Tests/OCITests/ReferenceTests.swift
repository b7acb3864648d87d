// SPDX-License-Identifier: Apache-2.0

import OCI
import TandemModel
import Testing

@Suite("References")
struct ReferenceTests {
    @Test(
        "names are completed and shortened as Docker does",
        arguments: [
            ("busybox", "docker.io", "library/busybox", "busybox:latest"),
            ("docker.io/library/busybox:1", "docker.io", "library/busybox", "busybox:1"),
            ("user/app:v1.2", "docker.io", "user/app", "user/app:v1.2"),
            ("localhost:5000/a/b", "localhost:5000", "a/b", "localhost:5000/a/b:latest"),
            ("[::1]:5000/a", "[::1]:5000", "a", "[::1]:5000/a:latest"),
            ("ghcr.io/x/y:z", "ghcr.io", "x/y", "ghcr.io/x/y:z"),
        ])
    func complete(_ text: String, _ registry: String, _ repository: String, _ shown: String) throws {
        let reference = try Reference(text)
        #expect(reference.registry == registry)
        #expect(reference.repository == repository)
        #expect(reference.description == shown)
    }

    @Test(
        "what is no reference is refused",
        arguments: [
            "", "Busybox", "a//b", "a:b:c", "-a", "a-", "a/", "a@sha256:12", "a:", "a b", "..", "a/../b",
            "../a", "a.b:99999999/c", "-a.b/c", "a..b/c", "[::1/c", "a.b:/c",
        ])
    func refuse(_ text: String) { #expect(throws: EngineError.self) { try Reference(text) } }
}
