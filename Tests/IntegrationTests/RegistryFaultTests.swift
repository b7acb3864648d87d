// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Networks that cut connections and change bytes, and a daemon that dies on the way.
@Suite(.daemonOnHostNetwork, .serialized)
struct RegistryFaultTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// A registry with an image of one layer that cannot be compressed, behind a proxy.
    private func serve(
        _ size: Int, layers: Int = 1, _ body: (FaultyProxy, String, [ImageLayout.Layer]) async throws -> Void
    ) async throws {
        let registry = try await RegistryServer()
        let scratch = try ScratchFolder(prefix: "faulty")
        defer { scratch.remove() }
        let layout = try ImageLayout(scratch.path)
        var made: [ImageLayout.Layer] = []
        for seed in 1...layers {
            let noise = ImageLayout.noise(size, seed: UInt64(seed))
            made.append(try await layout.add(tar: ImageLayout.tar("noise\(seed)", noise)))
        }
        try layout.tag(try layout.add(image: made), as: "1")
        try await layout.push("1", to: registry.address + "/noise:1")
        let proxy = try FaultyProxy(before: registry.port)
        try await body(proxy, proxy.address + "/noise:1", made)
        proxy.stop()
        await registry.stop()
    }

    private func blobRequests(_ proxy: FaultyProxy, _ layer: ImageLayout.Layer) -> [String] {
        proxy.requests.filter { $0.hasPrefix("GET") && $0.contains(layer.blob.digest) }
    }

    @Test func aTransferThatBreaksGoesOnWhereItWas() async throws {
        try await serve(1_500_000) { proxy, name, layers in
            proxy.set { $0.cutsAfter = 400_000 }
            let pulled = try await daemon.tandem("pull", name)
            #expect(pulled.status == 0, "\(pulled.errors)")
            let requests = blobRequests(proxy, layers[0])
            #expect(requests.count > 3 && requests.dropFirst().allSatisfy { $0.lowercased().contains("range: bytes=") })
            #expect(proxy.answered < 1_700_000, "what had come was fetched again: \(proxy.answered) bytes")
            #expect(try RegistryTests.leftovers(daemon).isEmpty)
            try await daemon.tandem("rmi", name)
        }
    }

    @Test func bytesThatChangeAreNoticedAndFetchedAnew() async throws {
        try await serve(600_000) { proxy, name, layers in
            // TLS, the manifest, the configuration and the first try of the layer: only the layer is long enough.
            proxy.set {
                $0.corruptsAt = 300_000
                $0.connections = 4
            }
            let pulled = try await daemon.tandem("pull", name)
            #expect(pulled.status == 0, "\(pulled.errors)")
            #expect(blobRequests(proxy, layers[0]).count == 2)
            try await daemon.tandem("rmi", name)
            proxy.set { $0.corruptsAt = 300_000 }
            let damaged = try await daemon.tandem("pull", name)
            let sentence = "filesystem layer verification failed for digest \(layers[0].blob.digest)"
            #expect(damaged.status == 1 && damaged.errors.contains(sentence), "\(damaged.errors)")
            #expect(try RegistryTests.leftovers(daemon).isEmpty)
            #expect(try await daemon.tandem("images", "-q", name).output.isEmpty)
            // A changed manifest or configuration is noticed too: it is short, so its first byte after the head is hit.
            proxy.set { $0.corruptsAt = 700 }
            #expect(try await daemon.tandem("pull", name).status == 1)
            proxy.set { _ in }
            #expect(try await daemon.tandem("pull", name).status == 0)
            try await daemon.tandem("rmi", name)
        }
    }

    @Test func aPullThatIsKilledLeavesNothingVisibleAndGoesOn() async throws {
        try await serve(2_000_000) { proxy, name, layers in
            proxy.set { $0.rate = 400_000 }
            async let pull = daemon.tandem("pull", name)
            while proxy.answered < 500_000 { try await Task.sleep(for: .milliseconds(20)) }
            await daemon.kill()
            #expect(try await pull.status == 1)
            try await daemon.start()
            #expect(try await daemon.tandem("images", "-q", name).output.isEmpty)
            #expect(try RegistryTests.leftovers(daemon) == [String(layers[0].blob.digest.dropFirst(7))])
            proxy.set { _ in }
            #expect(try await daemon.tandem("pull", name).status == 0)
            #expect(blobRequests(proxy, layers[0]).first?.lowercased().contains("range: bytes=") == true)
            #expect(proxy.answered < 1_700_000)
            #expect(try RegistryTests.leftovers(daemon).isEmpty)
            try await daemon.tandem("rmi", name)
        }
    }

    @Test func aClientThatGoesEndsThePullAndTheRestCanBePruned() async throws {
        try await serve(2_000_000) { proxy, name, _ in
            proxy.set { $0.rate = 400_000 }
            let pull = Task { try await daemon.tandem(["pull", name], deadline: 2) }
            await #expect(throws: Program.TimedOut.self) { try await pull.value }
            // The connection ends, and with it the transfer.
            for _ in 0..<500 {
                let before = proxy.answered
                try await Task.sleep(for: .milliseconds(200))
                if proxy.answered == before { break }
            }
            #expect(proxy.answered < 1_900_000)
            #expect(try await daemon.tandem("images", "-q", name).output.isEmpty)
            #expect(try RegistryTests.leftovers(daemon).count == 1)
            #expect(try await daemon.tandem("image", "prune", "-f").trimmed != "Total reclaimed space: 0B")
            #expect(try RegistryTests.leftovers(daemon).isEmpty)
        }
    }

    @Test func pullsAtTheSameTimeShareTheWork() async throws {
        try await serve(400_000, layers: 5) { proxy, name, layers in
            proxy.set { $0.rate = 1_000_000 }
            async let first = daemon.tandem("pull", name)
            async let second = daemon.tandem("pull", name)
            let statuses = try await [first.status, second.status]
            #expect(statuses == [0, 0])
            for layer in layers { #expect(blobRequests(proxy, layer).count == 1) }
            #expect(try RegistryTests.leftovers(daemon).isEmpty)
            try await daemon.tandem("rmi", name)
        }
    }

    @Test func aPushThatBreaksIsTriedAgain() async throws {
        let registry = try await RegistryServer()
        let proxy = try FaultyProxy(before: registry.port)
        try await daemon.tandem("image", "default")
        let name = proxy.address + "/app:1"
        try await daemon.tandem("tag", "busybox", name)
        // The registry's answers are short: its second and third ones never arrive whole.
        proxy.set {
            $0.cutsAfter = 20
            $0.connections = 3
        }
        let pushed = try await daemon.tandem("push", name)
        #expect(pushed.status == 0, "\(pushed.errors)")
        let found = try await Program(
            "skopeo", ["inspect", "--tls-verify=false", "docker://\(registry.address)/app:1"]
        ).run()
        #expect(found.status == 0, "\(found.errors)")
        try await daemon.tandem("rmi", name)
        proxy.stop()
        await registry.stop()
    }
}
