// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The same bad archives by every way that leads into an image: a clear error and nothing left, or an image that is safe.
@Suite(.daemon(flags: ["--libvirt-uri", "none:///"], onHostNetwork: true), .serialized)
struct HostileArchiveTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// A way in.
    enum Door: String, CaseIterable, CustomTestStringConvertible {
        case importing, loading, adding, pulling
        var testDescription: String { rawValue }
    }

    /// What is refused everywhere, with a part of the sentence; by `ADD`, which looks at the image too, with another one.
    private static let refused: [(name: String, words: String, byAdding: String?)] = [
        ("climbing", "points outside of the image", "lies outside of it"),
        ("climbing in the middle", "points outside of the image", "lies outside of it"),
        ("hard link out", "points outside of the image", "a hard link to what the layer does not have"),
        ("hard link to the host", "which is not there", "a hard link to what the layer does not have"),
        ("hard link to itself", "which is not there", "a hard link to what the layer does not have"),
        ("whiteout device", "is the device 0:0", nil),
        ("long name", "has a name longer than 255 bytes", nil),
        ("deep", "whose path is longer than 4,096 bytes", nil),
        ("very deep", "whose path is longer than 4,096 bytes", nil),
        ("endless file", "larger than 16 TiB", "Truncated tar archive"),
        ("negative length", "the archive cannot be read", "no archive"),
        ("wrong checksum", "the archive cannot be read", "no archive"),
        ("hole without end", "larger than 16 TiB", nil),
    ]

    /// What is taken, with a command that says whether it is right; by `ADD` some are refused.
    private static let taken: [(name: String, command: String, output: String, byAdding: String?)] = [
        ("ring of links", "$0 cat a/x", "inside", "too many levels of symbolic links"),
        ("links that double", "$0 cat l39/x", "inside", "too many levels of symbolic links"),
        (
            "through links", "d=.; $0 test -e tmp || d=..; $0 cat out/planted $d/tmp/planted2", "xx", nil
        ),
        ("deep enough", "$0 find d -name x | $0 wc -c", "3802\n", nil),
        ("duplicates", "$0 cat file folder; $0 stat -c %a file2", "seconda file now711\n", nil),
        ("not UTF-8", "$0 cat link", "latin", nil),
    ]

    @Test(arguments: Door.allCases)
    func isRefusedOrSafe(_ door: Door) async throws {
        let archives = try await HostileArchives()
        defer { archives.folder.remove() }
        let before = try state()
        for (name, words, byAdding) in Self.refused {
            let expected = door == .adding ? byAdding ?? words : words
            if expected == "no archive" { continue }  // a file like any other
            let result = try await take(name, archives, by: door)
            #expect(result.status == 1 && result.errors.contains(expected), "\(name): \(result.errors)")
            let lines = result.errors.split(separator: "\n").filter { !$0.hasPrefix(" ") }
            #expect(lines.count <= 2, "\(name): \(result.errors)")
            #expect(try state() == before, "\(name)")
        }
        for (name, command, output, byAdding) in Self.taken {
            let result = try await take(name, archives, by: door)
            if door == .adding, let byAdding {
                #expect(result.status == 1 && result.errors.contains(byAdding), "\(name): \(result.errors)")
            } else {
                #expect(result.status == 0, "\(name): \(result.errors)")
                #expect(try await look(command, door) == output, "\(name)")
                try await daemon.tandem("rmi", "-f", "evil:1")
            }
            #expect(try state() == before, "\(name)")
        }
        for planted in ["/tmp/planted", "/tmp/planted2", "/planted"] {
            #expect(!FileManager.default.fileExists(atPath: planted), "\(planted)")
        }
        #expect(daemon.isRunning)
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
    }

    /// 10 GiB of zeros in 10 MiB, for a store of 48 MiB.
    @Test func aBombAgainstAQuota() async throws {
        let archives = try await HostileArchives()
        defer { archives.folder.remove() }
        try await Self.onSmallStore { small in
            let before = try Self.state(small)
            for door in [Door.importing, .adding] {
                let result = try await take("bomb", archives, by: door, into: small)
                #expect(
                    result.status == 1 && result.errors.contains("No space left on device"), "\(door): \(result.errors)"
                )
                #expect(try Self.state(small) == before, "\(door)")
            }
            #expect(try await small.tandem("image", "default").status == 0)
        }
    }

    private static func onSmallStore(_ body: (Daemon) async throws -> Void) async throws {
        let small = try await Daemon(flags: ["--libvirt-uri", "none:///"], onHostNetwork: true)
        #expect(try await small.tandem("image", "default").status == 0)
        await small.stop()
        let store = small.folder.path + "/data/images"
        let mounted = try await Program(
            "sh",
            [
                "-ec",
                """
                mv '\(store)' '\(store).old'; mkdir '\(store)'; mount -t tmpfs -o size=48m tmpfs '\(store)'
                cp -a '\(store).old/.' '\(store)'
                """,
            ]
        ).run()
        #expect(mounted.status == 0, "\(mounted.errors)")
        try await small.start()
        try await body(small)
        await small.stop()
        #expect(try await Program("umount", [store]).run().status == 0)
        await small.tearDown()
    }

    // MARK: Ways in

    private func take(_ name: String, _ archives: HostileArchives, by door: Door) async throws -> Program.Result {
        try await take(name, archives, by: door, into: daemon)
    }

    private func take(
        _ name: String, _ archives: HostileArchives, by door: Door, into daemon: Daemon
    ) async throws -> Program.Result {
        let scratch = try ScratchFolder(prefix: "door")
        defer { scratch.remove() }
        switch door {
        case .importing: return try await daemon.tandem("import", archives.path(name), "evil:1")
        case .adding:
            try FileManager.default.copyItem(atPath: archives.path(name), toPath: scratch.path + "/evil.tar")
            _ = try scratch.write("Dockerfile", "FROM busybox\nADD evil.tar /un/\n")
            return try await daemon.tandem("build", "-q", "-t", "evil:1", scratch.path)
        case .loading:
            let tar = try archives.bytes(name)
            try Data(tar).write(to: scratch.url("layer.tar"))
            _ = try scratch.write("c.json", Self.configuration(ImageLayout.digest(tar)))
            _ = try scratch.write(
                "manifest.json", #"[{"Config":"c.json","RepoTags":["evil:1"],"Layers":["layer.tar"]}]"#)
            let packed = try await Program(
                "tar", ["-cf", scratch.path + "/i.tar", "-C", scratch.path, "manifest.json", "c.json", "layer.tar"]
            ).run()
            #expect(packed.status == 0, "\(packed.errors)")
            return try await daemon.tandem("load", "-i", scratch.path + "/i.tar")
        case .pulling: return try await pull(try archives.bytes(name), into: daemon)
        }
    }

    private static func configuration(_ diffID: String) -> String {
        #"{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["\#(diffID)"]}}"#
    }

    private func pull(_ tar: [UInt8], into daemon: Daemon) async throws -> Program.Result {
        let digest = ImageLayout.digest(tar)
        let configuration = Array(Self.configuration(digest).utf8)
        let manifest = Array(
            """
            {"schemaVersion":2,"config":{"digest":"\(ImageLayout.digest(configuration))","size":\(configuration.count)},
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\(digest)","size":\(tar.count)}]}
            """.utf8)
        let responder = try HTTPResponder { request, connection in
            if request.path.contains("/manifests/") {
                let type = "application/vnd.oci.image.manifest.v1+json"
                return HTTPResponder.answer(connection, headers: ["Content-Type": type], body: manifest)
            }
            HTTPResponder.answer(connection, body: request.path.hasSuffix(digest) ? tar : configuration)
        }
        defer { responder.stop() }
        let name = responder.address + "/evil:1"
        let pulled = try await daemon.tandem("pull", "-q", name)
        if pulled.status == 0 {
            try await daemon.tandem("tag", name, "evil:1")
            try await daemon.tandem("rmi", name)
        }
        return pulled
    }

    // MARK: What is left

    private func state() throws -> [String] { try Self.state(daemon) }

    /// The files of the store: an image that is seen has some.
    private static func state(_ daemon: Daemon) throws -> [String] {
        let images = daemon.folder.path + "/data/images/"
        return try ["staging", "downloads", "layers", "blobs/sha256"].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: images + folder).map { folder + "/" + $0 }
        }.sorted()
    }

    /// What a command says that looks at the image's files.
    private func look(_ command: String, _ door: Door) async throws -> String {
        let folder = door == .adding ? "/un" : "/"
        let tool = door == .adding ? "/un/busybox" : "/busybox"
        let seen = try await daemon.tandem(
            ["run", "--rm", "--network", "none", "-w", folder, "evil:1", tool, "sh", "-c", command, tool])
        return seen.output
    }
}
