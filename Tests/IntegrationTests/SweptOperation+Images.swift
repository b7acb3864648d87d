// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What the fault tests do with images: nothing half made is seen afterwards, and no layer is lost that somebody needs.
extension SweptOperation {
    /// Three layers, of which a container has the lowest, whose own image was forced away.
    static func pull(_ remote: SweptImage) -> SweptOperation {
        SweptOperation("pull") { daemon in
            try await expect(daemon, "import", remote.base, "used:1")
            try await expect(daemon, ["run", "-d", "--network", "none", "--name", "swept", "used:1"] + wait)
            try await expect(daemon, "rmi", "-f", "used:1")
            remote.proxy.set { _ in }
        } run: { daemon in
            try await daemon.tandem(["pull", remote.name], deadline: 20)
        } verify: { daemon in
            try await expect(daemon, "exec", "swept", "true")
            try await expectWhole(remote.name, daemon)
        } recover: { daemon in
            try await wrongAfterPull(remote, daemon)
        } clean: { daemon in
            try await remove(["swept"], [remote.name, "used:1"], daemon)
        }
    }

    private static func wrongAfterPull(_ remote: SweptImage, _ daemon: Daemon) async throws -> [String] {
        var wrong: [String] = []
        let isThere = try await daemon.tandem("image", "inspect", remote.name).status == 0
        if isThere, let damage = try await damage(remote.name, daemon) { wrong.append(damage) }
        let kept = try downloads(daemon)
        if isThere, !kept.isEmpty { wrong.append("the image is there, and its blobs still are: \(kept)") }
        remote.proxy.set { _ in }
        let again = try await daemon.tandem(["pull", remote.name], deadline: 20)
        if again.status != 0 { wrong.append("it cannot be pulled any more: \(again.errors)") }
        if let damage = try await damage(remote.name, daemon) { wrong.append(damage) }
        // What had come does not come again.
        for (digest, size) in kept {
            guard let whole = remote.sizes[digest] else { continue }
            let asked = remote.proxy.requests.filter { $0.hasPrefix("GET") && $0.contains(digest) }
            let isRight =
                size == whole
                ? asked.isEmpty : size == 0 || asked.allSatisfy { $0.lowercased().contains("range: bytes=\(size)-") }
            if !isRight { wrong.append("of \(whole) bytes \(size) were there, and still it asked for \(asked)") }
        }
        let left = try downloads(daemon)
        if !left.isEmpty { wrong.append("blobs stay: \(left)") }
        return wrong
    }

    /// Bytes of blobs that are on their way, by digest.
    private static func downloads(_ daemon: Daemon) throws -> [String: Int] {
        let folder = daemon.folder.path + "/data/images/downloads"
        guard FileManager.default.fileExists(atPath: folder) else { return [:] }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                return ("sha256:" + name, (attributes[.size] as? Int) ?? 0)
            })
    }

    /// To a registry that has forgotten what it was sent before.
    static func push(_ registry: RegistryServer) -> SweptOperation {
        let name = registry.address + "/swept:1"
        return SweptOperation("push") { daemon in
            try await expect(daemon, "tag", "busybox", name)
            try? registry.empty()  // nothing was pushed yet
        } run: { daemon in
            try await daemon.tandem(["push", name], deadline: 20)
        } verify: { daemon in
            let found = try await Program("skopeo", ["inspect", "--tls-verify=false", "docker://" + name]).run()
            #expect(found.status == 0, "\(found.errors)")
        } recover: { daemon in
            let again = try await daemon.tandem(["push", name], deadline: 20)
            return again.status == 0 ? [] : ["it cannot be pushed any more: \(again.errors)"]
        } clean: { daemon in
            try await remove([], [name], daemon)
        }
    }

    /// Of a running container, which is frozen meanwhile.
    static let commit = SweptOperation("commit") { daemon in
        try await expect(
            daemon,
            [
                "run", "-d", "--network", "none", "--name", "swept", "busybox", "sh", "-c",
                "head -c 300000 /dev/urandom > /big; echo x > /etc/new; rm -r /var; while :; do sleep 0.05; done",
            ])
    } run: { daemon in
        try await daemon.tandem(["commit", "swept", "swept:1"], deadline: 20)
    } verify: { daemon in
        try await expectWhole("swept:1", daemon)
    } recover: { daemon in
        try await wrongImages(["swept:1"], daemon)
    } clean: { daemon in
        try await remove(["swept"], ["swept:1"], daemon)
    }

    /// A step that copies and one that executes.
    static func build(_ context: String) -> SweptOperation {
        SweptOperation("build") { daemon in
            try await daemon.tandem(
                ["build", "--no-cache", "--network", "none", "-t", "swept:1", context], deadline: 20)
        } verify: { daemon in
            try await expectWhole("swept:1", daemon)
        } recover: { daemon in
            let left = try await daemon.tandem("ps", "-aq").lines
            let wrong = left.isEmpty ? [] : ["containers of the build stay: \(left)"]
            return wrong + (try await wrongImages(try await daemon.tandem("images", "-aq").lines, daemon))
        } clean: { daemon in
            try await remove([], ["swept:1"], daemon)
        }
    }

    /// Those that are there and not whole.
    private static func wrongImages(_ names: [String], _ daemon: Daemon) async throws -> [String] {
        var wrong: [String] = []
        for name in names where try await daemon.tandem("image", "inspect", name).status == 0 {
            if let damage = try await damage(name, daemon) { wrong.append(damage) }
        }
        return wrong
    }

    /// Whether an image is whole: what is saved of it is checked by its digests.
    private static func damage(_ image: String, _ daemon: Daemon) async throws -> String? {
        let saved = try await Program(
            "sh", ["-c", "exec \"$0\" save \"$1\" >/dev/null", Binaries.path("tandem"), image]
        ).run(environment: ["TANDEM_HOST": daemon.endpoint], deadline: 20)
        return saved.status == 0 ? nil : "the image '\(image)' is not whole: \(saved.errors)"
    }

    private static func expectWhole(_ image: String, _ daemon: Daemon) async throws {
        let damage = try await damage(image, daemon)
        #expect(damage == nil)
    }

    private static let wait = ["/bin/busybox", "sh", "-c", "while :; do /bin/busybox sleep 0.05; done"]

    private static func remove(_ containers: [String], _ images: [String], _ daemon: Daemon) async throws {
        if !containers.isEmpty { try await daemon.tandem(["rm", "-f"] + containers, deadline: 20) }
        try await daemon.tandem(["rmi", "-f"] + images, deadline: 20)
        try await daemon.tandem(["image", "prune", "-f"], deadline: 20)
    }

    private static func expect(_ daemon: Daemon, _ arguments: String...) async throws {
        try await expect(daemon, arguments)
    }

    private static func expect(_ daemon: Daemon, _ arguments: [String]) async throws {
        let result = try await daemon.tandem(arguments, deadline: 20)
        #expect(result.status == 0, "tandem \(arguments.joined(separator: " ")): \(result.errors)")
    }
}

/// An image in a registry behind a proxy that notes what is asked for.
struct SweptImage: Sendable {
    let proxy: FaultyProxy
    let name: String
    /// Bytes of its blobs by digest.
    let sizes: [String: Int]
    /// Path of the lowest layer's tar.
    let base: String

    /// Makes one whose layers take a few pieces each.
    init(in registry: RegistryServer, _ scratch: ScratchFolder) async throws {
        base = scratch.path + "/base.tar"
        let packed = try await Program(
            "sh",
            [
                "-ec",
                "cd \(scratch.path); mkdir bin; cp /bin/busybox bin; ln -s busybox bin/true; tar -cf base.tar bin",
            ]
        ).run()
        #expect(packed.status == 0, "\(packed.errors)")
        let layout = try ImageLayout(scratch.path + "/layout")
        var layers = [try await layout.add(tar: [UInt8](Data(contentsOf: URL(fileURLWithPath: base))))]
        for seed in 1...2 {
            let noise = ImageLayout.noise(250_000, seed: UInt64(seed))
            layers.append(try await layout.add(tar: ImageLayout.tar("noise\(seed)", noise)))
        }
        try layout.tag(try layout.add(image: layers), as: "1")
        try await layout.push("1", to: registry.address + "/swept:1")
        proxy = try FaultyProxy(before: registry.port)
        name = proxy.address + "/swept:1"
        sizes = Dictionary(uniqueKeysWithValues: layers.map { ($0.blob.digest, $0.blob.content.count) })
    }
}
