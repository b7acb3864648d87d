// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Crypto
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import OCI
import SystemPackage
import TandemModel
import Testing

/// Archives that hold images: of `docker save`, and OCI layouts.
///
/// Needs root: layers are mounted to look into them.
@Suite("Archives of images")
struct ImageLayersRootTests {
    private static let layers = [
        TestArchive().add("etc/passwd", content: "root").add("etc/group", content: "wheel")
            .add("var/cache/old", content: "old").add("var/log/old", content: "old").add("opt/tool", content: "one"),
        TestArchive().add("empty", content: ""),
        TestArchive().add("etc/.wh.passwd").add("var/cache", type: S_IFDIR, mode: 0o700)
            .add("var/cache/.wh..wh..opq").add("var/cache/new", content: "new").add(".wh.opt")
            .add("opt/tool2", content: "two"),
        TestArchive().add("etc/group", content: "users").add("etc/passwd/in", content: "a folder now"),
    ].map { $0.bytes() }

    private static func digest(_ data: Data) -> String {
        "sha256:" + SHA256.hash(data: data).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func configuration(_ layers: [Data]) -> Data {
        let list = layers.map { "\"\(digest($0))\"" }.joined(separator: ",")
        return Data(
            #"{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":[\#(list)]}}"#
                .utf8)
    }

    private static func compressed(_ data: Data) throws -> Data {
        let file = "/tmp/tandem-gzip-\(UInt32.random(in: 0...UInt32.max))"
        defer { unlink(file) }
        try data.write(to: URL(fileURLWithPath: file))
        try SystemProgram(path: "/bin/sh", arguments: ["-ec", "gzip -n \(file); mv \(file).gz \(file)"]).run()
        return try Data(contentsOf: URL(fileURLWithPath: file))
    }

    private static func dockerArchive(_ layers: [Data]) -> TestArchive {
        let archive = TestArchive()
        // As older versions of docker: layers that occur again are links to the first.
        var places: [Data: Int] = [:]
        for (index, layer) in layers.enumerated() {
            archive.add("l\(index)", type: S_IFDIR, mode: 0o755)
            if let first = places[layer] {
                archive.add("l\(index)/layer.tar", type: S_IFLNK, link: "../l\(first)/layer.tar")
            } else {
                archive.add("l\(index)/layer.tar", content: layer)
                places[layer] = index
            }
        }
        let names = layers.indices.map { "\"l\($0)/layer.tar\"" }.joined(separator: ",")
        return archive.add("c.json", content: configuration(layers))
            .add("manifest.json", content: #"[{"Config":"c.json","RepoTags":["app:1"],"Layers":[\#(names)]}]"#)
    }

    private static func layout(_ layers: [Data], change: (inout [(String, Data)]) -> Void = { _ in }) throws
        -> TestArchive
    {
        let blobs = try layers.map(compressed)
        let configuration = configuration(layers)
        let list = blobs.map {
            #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(digest($0))","size":\#($0.count)}"#
        }.joined(separator: ",")
        let manifest = Data(
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest(configuration))","size":\#(configuration.count)},"layers":[\#(list)]}"#
                .utf8)
        let index = Data(
            #"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(digest(manifest))","size":\#(manifest.count),"annotations":{"io.containerd.image.name":"docker.io/library/app:2"}}]}"#
                .utf8)
        var files = [("oci-layout", Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", index)]
        for blob in blobs + [configuration, manifest] {
            files.append(("blobs/sha256/" + digest(blob).dropFirst(7), blob))
        }
        change(&files)
        let archive = TestArchive()
        for (name, content) in files { archive.add(name, content: content) }
        return archive
    }

    private func check(_ image: Image, _ fixture: StoreFixture) throws {
        #expect(image.configuration.rootfs.diffIDs.count == Self.layers.count + 1)
        #expect(image.stack.count == Self.layers.count)
        try fixture.look(image) { folder in
            #expect(text(folder + "/etc/passwd/in") == "a folder now")
            #expect(text(folder + "/etc/group") == "users")
            #expect(Folders.names(in: .init(folder + "/var/cache")) == ["new"])
            #expect(status(folder + "/var/cache").st_mode & 0o777 == 0o700)
            #expect(text(folder + "/var/log/old") == "old")
            // The layer hides what is below, and brings a folder of that name itself.
            #expect(Folders.names(in: .init(folder + "/opt")) == ["tool2"])
            #expect(text(folder + "/empty") == "")
        }
    }

    /// With one layer twice, as builders write for steps that change nothing.
    private var stacked: [Data] { Self.layers + [Self.layers[1]] }

    @Test("layers of docker save hide and replace what is below them")
    func docker() async throws {
        try await StoreFixture.run { fixture in
            let descriptor = Self.dockerArchive(stacked).finish()
            defer { close(descriptor) }
            let image = try #require(await fixture.store.loadArchive(descriptor).first)
            #expect(image.references == ["app:1"])
            try check(image, fixture)
        }
    }

    @Test("layers of an OCI layout hide and replace what is below them")
    func layout() async throws {
        try await StoreFixture.run { fixture in
            let descriptor = try Self.layout(stacked).finish()
            defer { close(descriptor) }
            let image = try #require(await fixture.store.loadArchive(descriptor).first)
            #expect(image.references == ["app:2"])
            try check(image, fixture)
        }
    }

    @Test(
        "a blob that is cut short, changed, missing or no file is refused, and nothing is left",
        arguments: ["cut short", "changed", "missing", "replaced by a longer one"])
    func damaged(_ damage: String) async throws {
        try await StoreFixture.run { fixture in
            let archive = try Self.layout(Self.layers) { files in
                switch damage {
                case "cut short": files[2].1 = files[2].1.prefix(files[2].1.count / 2)
                case "changed": files[2].1[files[2].1.count - 6] ^= 1
                case "missing": files.remove(at: 2)
                default: files[2].1.append(0)
                }
            }
            let descriptor = archive.finish()
            defer { close(descriptor) }
            let error = await #expect(throws: EngineError.self) { try await fixture.store.loadArchive(descriptor) }
            #expect(error?.code == .corruptData)
            #expect(fixture.store.images.isEmpty)
            #expect(Folders.names(in: fixture.root.appending("store/layers")).isEmpty)
        }
    }

    @Test("indexes that name each other a thousand times end early")
    func indexBomb() async throws {
        try await StoreFixture.run { fixture in
            func index(_ content: Data) -> Data {
                let entry =
                    #"{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"\#(Self.digest(content))","size":\#(content.count)}"#
                return Data(
                    #"{"schemaVersion":2,"manifests":[\#(Array(repeating: entry, count: 900).joined(separator: ","))]}"#
                        .utf8)
            }
            var blobs = [Data(#"{"schemaVersion":2,"manifests":[]}"#.utf8)]
            for _ in 0..<2 { blobs.append(index(blobs[blobs.count - 1])) }
            let archive = TestArchive().add("oci-layout", content: #"{"imageLayoutVersion":"1.0.0"}"#)
                .add("index.json", content: index(blobs[2]))
            for blob in blobs { archive.add("blobs/sha256/" + Self.digest(blob).dropFirst(7), content: blob) }
            let descriptor = archive.finish()
            defer { close(descriptor) }
            let error = await #expect(throws: EngineError.self) { try await fixture.store.loadArchive(descriptor) }
            #expect(error?.message == "the archive's indexes name more than 1000 images")
        }
    }

    @Test("an image of more layers than can be stacked is refused")
    func tooManyLayers() async throws {
        try await StoreFixture.run { fixture in
            let descriptor = Self.dockerArchive(Array(repeating: Self.layers[1], count: 501)).finish()
            defer { close(descriptor) }
            let error = await #expect(throws: EngineError.self) { try await fixture.store.loadArchive(descriptor) }
            #expect(error?.message.hasPrefix("max depth exceeded: the image has 501 layers") == true)
        }
    }
}
