// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Pulling from and pushing to a real registry.
@Suite(.daemonOnHostNetwork, .serialized)
struct RegistryTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// The tar of the default image, which programs run in.
    static func base(_ daemon: Daemon) async throws -> [UInt8] {
        let scratch = try ScratchFolder(prefix: "base")
        defer { scratch.remove() }
        #expect(try await daemon.tandem("image", "default").status == 0)
        #expect(try await daemon.tandem("save", "-o", scratch.path + "/a.tar", "busybox").status == 0)
        let diffID = try await daemon.tandem("image", "inspect", "-f", "{{json .RootFS.Layers}}", "busybox").trimmed
            .trimmingCharacters(in: ["[", "]", "\""])
        let member = "blobs/sha256/" + diffID.dropFirst(7)
        let unpacked = try await Program("tar", ["-xf", scratch.path + "/a.tar", "-C", scratch.path, member]).run()
        #expect(unpacked.status == 0, "\(unpacked.errors)")
        return [UInt8](try Data(contentsOf: scratch.url(member)))
    }

    /// Whether a pull has left anything but complete images.
    static func leftovers(_ daemon: Daemon) throws -> [String] {
        let images = daemon.folder.path + "/data/images/"
        return try ["staging", "downloads"].flatMap { folder in
            guard FileManager.default.fileExists(atPath: images + folder) else { return [String]() }
            return try FileManager.default.contentsOfDirectory(atPath: images + folder)
        }
    }

    @Test func aPulledImageRunsAsBothKindsAndSharesItsBase() async throws {
        let registry = try await RegistryServer()
        let scratch = try ScratchFolder(prefix: "layout")
        defer { scratch.remove() }
        let layout = try ImageLayout(scratch.path)
        let base = try await layout.add(tar: try await Self.base(daemon))
        let second = try await layout.add(tar: ImageLayout.tar("second", Array("zstd\n".utf8)), program: "zstd")
        let third = try await layout.add(tar: ImageLayout.tar("third", Array("plain\n".utf8)), program: nil)
        try layout.tag(try layout.add(image: [base, second, third]), as: "1")
        try await layout.push("1", to: registry.address + "/app:1")
        try layout.tag(
            try layout.add(image: [base, try await layout.add(tar: ImageLayout.tar("other", [65]))]), as: "2")
        try await layout.push("2", to: registry.address + "/app:2")

        try await daemon.tandem("rmi", "-f", "busybox")
        let name = registry.address + "/app"
        let pulled = try await daemon.tandem("pull", name + ":1")
        #expect(pulled.status == 0, "\(pulled.errors)")
        #expect(pulled.lines.first == "1: Pulling from app")
        #expect(pulled.lines.filter { $0.hasSuffix(": Pull complete") }.count == 3)
        #expect(
            pulled.lines.contains("Status: Downloaded newer image for \(name):1") && pulled.lines.last == name + ":1")
        let again = try await daemon.tandem("pull", name + ":1")
        #expect(again.lines.contains("Status: Image is up to date for \(name):1"))
        for kind in [[], ["--vm"]] {
            let run = try await daemon.tandem(
                ["run", "--rm", "--network", "none"] + kind + [name + ":1", "cat", "second", "third"])
            #expect(run.output == "zstd\nplain\n", "\(kind): \(run.errors)")
        }
        // `run` fetches what is not there, and only the layer that is not there.
        let run = try await daemon.tandem("run", "--rm", "--network", "none", name + ":2", "cat", "/other")
        #expect(run.output == "A" && run.errors.contains("Unable to find image '\(name):2' locally"), "\(run.errors)")
        #expect(run.errors.components(separatedBy: "Already exists").count == 2)
        #expect(run.errors.components(separatedBy: "Pull complete").count == 2)
        #expect(try Self.leftovers(daemon).isEmpty)
        try await checkDigests(name)
        let all = try await daemon.tandem("pull", "-a", name)
        #expect(all.lines.last == name, "\(all.errors)")
        try await daemon.tandem("rmi", name + ":1", name + ":2")
        await registry.stop()
    }

    private func checkDigests(_ name: String) async throws {
        let digest = try await daemon.tandem("image", "inspect", "-f", "{{json .RepoDigests}}", name + ":1").trimmed
            .trimmingCharacters(in: ["[", "]", "\""])
        #expect(digest.hasPrefix(name + "@sha256:"))
        let row = try await daemon.tandem("images", "--digests", "--format", "{{.Tag}} {{.Digest}}", name)
        #expect(row.lines.contains("1 " + digest.dropFirst(name.count + 1)), "\(row.output)")
        // With the last tag the digest goes too.
        let gone = try await daemon.tandem("rmi", name + ":1")
        #expect(Array(gone.lines.prefix(2)) == ["Untagged: \(name):1", "Untagged: \(digest)"], "\(gone.output)")
        #expect(gone.lines.contains { $0.hasPrefix("Deleted: sha256:") })
        let pulled = try await daemon.tandem("pull", digest)
        #expect(pulled.status == 0 && pulled.lines.contains("Status: Downloaded newer image for \(digest)"))
        #expect(
            try await daemon.tandem("images", "--format", "{{.Repository}}:{{.Tag}}", name).lines.contains(
                name + ":<none>"))
        #expect(
            try await daemon.tandem("run", "--rm", "--network", "none", digest, "cat", "/third").output == "plain\n")
        #expect(try await daemon.tandem("rmi", digest).lines.first == "Untagged: \(digest)")
        #expect(try await daemon.tandem("image", "inspect", digest).status == 1)
    }

    @Test func whatIsPushedIsTheSameEverywhere() async throws {
        let registry = try await RegistryServer()
        let scratch = try ScratchFolder(prefix: "pushed")
        defer { scratch.remove() }
        try await daemon.tandem("image", "default")
        let one = registry.address + "/one:1"
        try await daemon.tandem("tag", "busybox", one)
        let pushed = try await daemon.tandem("push", one)
        #expect(pushed.lines.first == "The push refers to repository [\(registry.address)/one]", "\(pushed.errors)")
        #expect(pushed.lines.contains { $0.hasSuffix(": Pushed") })
        let line = try #require(pushed.lines.last)
        #expect(line.hasPrefix("1: digest: sha256:") && line.contains(" size: "))
        // The same bytes again: nothing is sent, and the manifest is the same.
        let again = try await daemon.tandem("push", one)
        #expect(again.lines.contains { $0.hasSuffix(": Layer already exists") } && again.lines.last == line)
        // Another repository of the same registry takes the layer over.
        let two = registry.address + "/team/two:1"
        try await daemon.tandem("tag", "busybox", two)
        let mounted = try await daemon.tandem("push", two)
        #expect(mounted.lines.contains { $0.hasSuffix(": Mounted from one") }, "\(mounted.output)")
        // Another tool finds the very image.
        let copied = try await Program(
            "skopeo",
            ["copy", "--src-tls-verify=false", "--insecure-policy", "docker://" + two, "dir:\(scratch.path)/copy"]
        ).run()
        #expect(copied.status == 0, "\(copied.errors)")
        let id = try await daemon.tandem("images", "-q", "--no-trunc", "busybox").trimmed
        let configuration = "\(scratch.path)/copy/\(id.dropFirst(7))"
        #expect(FileManager.default.fileExists(atPath: configuration))
        // Taken away and fetched again it is the same image, with the same layer file.
        let layer = try await daemon.tandem("image", "inspect", "-f", "{{.RootFS.Layers}}", "busybox").trimmed
        try await daemon.tandem("rmi", "-f", one, two, "busybox")
        #expect(try await daemon.tandem("pull", "-q", one).output == one + "\n")
        #expect(try await daemon.tandem("images", "-q", "--no-trunc", one).trimmed == id)
        #expect(try await daemon.tandem("image", "inspect", "-f", "{{.RootFS.Layers}}", one).trimmed == layer)
        let missing = try await daemon.tandem("push", registry.address + "/nosuch")
        #expect(missing.status == 1 && missing.errors.contains("tag does not exist"))
        let docker = DockerSubject.all[0]
        #expect(try await docker.docker(daemon, ["push", one]).output.contains("Layer already exists"))
        #expect(try await docker.docker(daemon, ["pull", one]).output.contains("Image is up to date for \(one)"))
        try await daemon.tandem("rmi", one)
        await registry.stop()
    }

    @Test func aPlatformIsChosenAndOthersAreRefused() async throws {
        let registry = try await RegistryServer()
        let scratch = try ScratchFolder(prefix: "index")
        defer { scratch.remove() }
        let layout = try ImageLayout(scratch.path)
        var entries: [[String: Any]] = []
        for architecture in ["arm64", "amd64"] {
            let layer = try await layout.add(tar: ImageLayout.tar("machine", Array(architecture.utf8)))
            var entry = ImageLayout.descriptor(
                try layout.add(image: [layer], architecture: architecture),
                "application/vnd.oci.image.manifest.v1+json")
            entry["platform"] = ["os": "linux", "architecture": architecture]
            entries.append(entry)
        }
        let index: [String: Any] = [
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries,
        ]
        let blob = try layout.add([UInt8](JSONSerialization.data(withJSONObject: index, options: .sortedKeys)))
        var top = ImageLayout.descriptor(blob, "application/vnd.oci.image.index.v1+json")
        top["annotations"] = ["org.opencontainers.image.ref.name": "all"]
        try JSONSerialization.data(withJSONObject: ["schemaVersion": 2, "manifests": [top]])
            .write(to: scratch.url("index.json"))
        let name = registry.address + "/many:all"
        let copied = try await Program(
            "skopeo",
            [
                "copy", "--all", "--dest-tls-verify=false", "--insecure-policy", "oci:\(scratch.path):all",
                "docker://" + name,
            ]
        ).run()
        #expect(copied.status == 0, "\(copied.errors)")
        let format = "{{.Architecture}} {{json .RepoDigests}}"
        #expect(try await daemon.tandem("pull", "-q", name).status == 0)
        let own = try await daemon.tandem("image", "inspect", "-f", format, name).trimmed
        #expect(own == "amd64 [\"\(registry.address)/many@\(blob.digest)\"]")
        #expect(try await daemon.tandem("pull", "-q", "--platform", "linux/arm64", name).status == 0)
        #expect(try await daemon.tandem("image", "inspect", "-f", "{{.Architecture}}", name).trimmed == "arm64")
        let wrong = try await daemon.tandem("pull", "--platform", "linux/s390x", name)
        #expect(wrong.errors.contains("no matching manifest for linux/s390x in the manifest list entries"))
        try await daemon.tandem("image", "prune", "-af")
        await registry.stop()
    }

    @Test func whatIsNotThereIsSaidAsDockerDoes() async throws {
        let registry = try await RegistryServer()
        let missing = try await daemon.tandem("pull", registry.address + "/nosuch:1")
        let sentence = "manifest for \(registry.address)/nosuch:1 not found: manifest unknown: manifest unknown"
        #expect(missing.status == 1 && missing.errors.contains(sentence), "\(missing.errors)")
        let never = try await daemon.tandem(
            "run", "--rm", "--network", "none", "--pull", "never", registry.address + "/nosuch:1", "true")
        #expect(never.status == 125 && never.errors.contains("No such image: \(registry.address)/nosuch:1"))
        let run = try await daemon.tandem("run", "--rm", "--network", "none", registry.address + "/nosuch:1", "true")
        #expect(run.status == 125 && run.errors.contains(sentence), "\(run.errors)")
        await registry.stop()
        let unreachable = try await daemon.tandem("pull", registry.address + "/nosuch:1")
        #expect(unreachable.errors.contains("connection refused"), "\(unreachable.errors)")
        #expect(try await daemon.tandem("pull", "UPPER").errors.contains("invalid reference format"))
    }
}
