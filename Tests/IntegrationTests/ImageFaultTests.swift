// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Whatever step of a pull, push, build or commit fails, and wherever the daemon is killed: no half image is seen, no layer
/// stays that nobody has, none goes that somebody needs, and a pull goes on where it was.
@Suite(.daemon(flags: ["--libvirt-uri", "none:///"], onHostNetwork: true), .serialized)
struct ImageFaultTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test func pull() async throws {
        let registry = try await RegistryServer()
        let scratch = try ScratchFolder(prefix: "swept")
        defer { scratch.remove() }
        let image = try await SweptImage(in: registry, scratch)
        try await sweep(.pull(image), failures: 3, kills: 4)
        image.proxy.stop()
        await registry.stop()
    }

    @Test func push() async throws {
        let registry = try await RegistryServer()
        try await sweep(.push(registry), failures: 3, kills: 3)
        await registry.stop()
    }

    @Test func commit() async throws { try await sweep(.commit, failures: 3, kills: 3) }

    @Test func build() async throws {
        let scratch = try ScratchFolder(prefix: "swept")
        defer { scratch.remove() }
        _ = try scratch.write("Dockerfile", "FROM busybox\nCOPY a /\nRUN cat /a > /b\n")
        _ = try scratch.write("a", "text\n")
        try await sweep(.build(scratch.path), failures: 3, kills: 3)
    }

    private func sweep(_ operation: SweptOperation, failures: Int, kills: Int) async throws {
        var sweep = try await FaultSweep(operation, on: daemon)
        try await sweep.failEachStep(atMost: failures)
        try await sweep.killAtEachStep(atMost: kills)
    }
}
