// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// An OCI layout in a folder, blob by blob, right or wrong as a test needs it.
public struct ImageLayout: Sendable {
    /// A blob that has been added.
    public struct Blob: Sendable {
        /// `sha256:…`.
        public var digest: String
        /// Bytes.
        public var content: [UInt8]
    }

    /// A layer that has been added.
    public struct Layer: Sendable {
        /// The blob.
        public var blob: Blob
        /// `sha256:…` of its tar.
        public var diffID: String
        /// What it is.
        public var mediaType: String
    }

    /// The folder.
    public let path: String

    /// Begins a layout in a folder that exists.
    public init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path + "/blobs/sha256", withIntermediateDirectories: true)
        try Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8).write(to: URL(fileURLWithPath: path + "/oci-layout"))
    }

    /// `sha256:…` of bytes.
    public static func digest(_ bytes: some Sequence<UInt8>) -> String {
        "sha256:" + SHA256.hash(data: Data(bytes)).map { String(format: "%02x", $0) }.joined()
    }

    /// Adds a blob.
    public func add(_ content: [UInt8]) throws -> Blob {
        let digest = Self.digest(content)
        try Data(content).write(to: URL(fileURLWithPath: path + "/blobs/sha256/" + digest.dropFirst(7)))
        return Blob(digest: digest, content: content)
    }

    /// Adds a tar as a layer; `program` compresses it: `gzip`, `zstd` or nothing.
    public func add(tar: [UInt8], program: String? = "gzip") async throws -> Layer {
        let type = "application/vnd.oci.image.layer.v1.tar" + (program.map { "+\($0)" } ?? "")
        guard let program else { return Layer(blob: try add(tar), diffID: Self.digest(tar), mediaType: type) }
        let scratch = try ScratchFolder(prefix: "layer")
        defer { scratch.remove() }
        try Data(tar).write(to: scratch.url("tar"))
        let result = try await Program(
            "sh", ["-c", "\(program) -c <'\(scratch.path)/tar' >'\(scratch.path)/out'"]
        ).run()
        guard result.status == 0 else { throw Daemon.Failure(description: result.errors) }
        let blob = try add([UInt8](Data(contentsOf: scratch.url("out"))))
        return Layer(blob: blob, diffID: Self.digest(tar), mediaType: type)
    }

    /// Adds an image of these layers, and gives its manifest.
    public func add(
        image layers: [Layer], architecture: String = "amd64", command: [String] = ["sh"]
    ) throws -> Blob {
        let configuration: [String: Any] = [
            "architecture": architecture, "os": "linux", "config": ["Cmd": command],
            "rootfs": ["type": "layers", "diff_ids": layers.map(\.diffID)],
        ]
        let blob = try add([UInt8](JSONSerialization.data(withJSONObject: configuration, options: .sortedKeys)))
        let manifest: [String: Any] = [
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": Self.descriptor(blob, "application/vnd.oci.image.config.v1+json"),
            "layers": layers.map { Self.descriptor($0.blob, $0.mediaType) },
        ]
        return try add([UInt8](JSONSerialization.data(withJSONObject: manifest, options: .sortedKeys)))
    }

    /// How a blob is pointed to.
    public static func descriptor(_ blob: Blob, _ mediaType: String) -> [String: Any] {
        ["mediaType": mediaType, "digest": blob.digest, "size": blob.content.count]
    }

    /// Lists a manifest under a tag.
    public func tag(_ manifest: Blob, as tag: String) throws {
        var descriptor = Self.descriptor(manifest, "application/vnd.oci.image.manifest.v1+json")
        descriptor["annotations"] = ["org.opencontainers.image.ref.name": tag]
        let index: [String: Any] = ["schemaVersion": 2, "manifests": [descriptor]]
        try JSONSerialization.data(withJSONObject: index).write(to: URL(fileURLWithPath: path + "/index.json"))
    }

    /// Sends the image of a tag to a registry without TLS, with skopeo.
    public func push(_ tag: String, to name: String) async throws {
        let result = try await Program(
            "skopeo",
            ["copy", "--dest-tls-verify=false", "--insecure-policy", "oci:\(path):\(tag)", "docker://\(name)"]
        ).run()
        guard result.status == 0 else { throw Daemon.Failure(description: "skopeo: \(result.errors)") }
    }

    /// A tar of one file.
    public static func tar(_ name: String, _ content: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        put(name, at: 0)
        put("0000644\u{0}0000000\u{0}0000000\u{0}", at: 100)
        put(String(format: "%011o", content.count), at: 124)
        put("00000000000", at: 136)
        put("        0", at: 148)
        put("ustar\u{0}00", at: 257)
        put(String(format: "%06o\u{0} ", header.reduce(0) { $0 + Int($1) }), at: 148)
        let padding = (512 - content.count % 512) % 512
        return header + content + [UInt8](repeating: 0, count: padding + 1_024)
    }

    /// Bytes that no program can compress, the same for the same seed.
    public static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }
}
