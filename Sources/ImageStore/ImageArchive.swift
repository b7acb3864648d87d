// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import OCI
import SystemPackage
import TandemModel

/// An unpacked archive of `docker save` or an OCI layout.
///
/// Paths in it are resolved with its folder as root.
struct ImageArchive {
    /// A file of the archive and what is known about it.
    struct Blob {
        var path: String
        /// `sha256:…` of the file; `nil` where the format does not say.
        var digest: String?
    }

    /// One image of the archive.
    struct Entry {
        var configuration: String
        var configurationDigest: String?
        var layers: [Blob]
        var references: [String]
    }

    private(set) var images: [Entry] = []
    private let folder: FilePath

    /// Looks what a folder is.
    ///
    /// - Returns: `nil` if it is neither format, for example a root file system.
    init?(folder: FilePath) throws(EngineError) {
        self.folder = folder
        if try isFile("oci-layout"), try isFile("index.json") {
            let content = try read("index.json", digest: nil)
            let index = try ImageStore.decode(Index.self, from: content, "the archive's 'index.json'")
            try add(index, name: nil, depth: 0)
        } else if try isFile("manifest.json") {
            // A root file system may have a file of that name too: only what reads as Docker's manifest is one.
            guard
                let entries = try? JSONDecoder().decode(
                    [DockerArchiveEntry].self, from: read("manifest.json", digest: nil))
            else { return nil }
            images = entries.map { entry in
                Entry(
                    configuration: entry.config, configurationDigest: nil,
                    layers: entry.layers.map { Blob(path: $0, digest: nil) }, references: entry.repoTags ?? [])
            }
        } else {
            return nil
        }
        guard !images.isEmpty else { throw EngineError(.corruptData, "the archive holds no image for this machine") }
    }

    private mutating func add(_ index: Index, name: String?, depth: Int) throws(EngineError) {
        guard depth < 4 else { throw EngineError(.corruptData, "the archive's indexes lie too deep in each other") }
        for descriptor in index.manifests {
            let reference = name ?? Self.reference(descriptor)
            if let platform = descriptor.platform, platform.architecture != Self.architecture || platform.os != "linux"
            {
                continue
            }
            let content = try read(try Self.path(of: descriptor.digest), digest: descriptor.digest)
            if descriptor.isIndex {
                try add(
                    try ImageStore.decode(Index.self, from: content, "an index of the archive"), name: reference,
                    depth: depth + 1)
                continue
            }
            let manifest = try ImageStore.decode(Manifest.self, from: content, "a manifest of the archive")
            var layers: [Blob] = []
            for layer in manifest.layers {
                layers.append(Blob(path: try Self.path(of: layer.digest), digest: layer.digest))
            }
            images.append(
                Entry(
                    configuration: try Self.path(of: manifest.config.digest),
                    configurationDigest: manifest.config.digest,
                    layers: layers, references: reference.map { [$0] } ?? []))
        }
    }

    /// containerd writes the whole name, the specification's annotation may be a mere tag.
    private static func reference(_ descriptor: Descriptor) -> String? {
        if let name = descriptor.annotations?["io.containerd.image.name"] { return name }
        guard let name = descriptor.annotations?["org.opencontainers.image.ref.name"],
            name.contains(":") || name.contains("/")
        else { return nil }
        return name
    }

    private static var architecture: String {
        ImageConfiguration(created: nil, config: nil, diffIDs: [], history: []).architecture
    }

    private static func path(of digest: String) throws(EngineError) -> String {
        let digits = digest.dropFirst(7)
        guard digest.hasPrefix("sha256:"), digits.count == 64, digits.allSatisfy({ $0.isHexDigit }) else {
            throw EngineError(.corruptData, "the archive names a blob by '\(digest)', which is no SHA-256 digest")
        }
        return "blobs/sha256/\(digits)"
    }

    private func isFile(_ path: String) throws(EngineError) -> Bool {
        let descriptor = try open(path, O_PATH, mustExist: false)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Opens a file for the time of a call.
    func withOpen<Value>(_ path: String, _ body: (Int32) throws(EngineError) -> Value) throws(EngineError) -> Value {
        let descriptor = try open(path, O_RDONLY | O_NONBLOCK, mustExist: true)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw EngineError(.corruptData, "the archive's '\(path)' is no file")
        }
        return try body(descriptor)
    }

    /// Reads a small file whole, and checks its digest if one is given.
    func read(_ path: String, digest: String?) throws(EngineError) -> Data {
        try withOpen(path) { descriptor throws(EngineError) in
            var content = Data()
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(descriptor, &chunk, chunk.count)
                guard count >= 0 else { throw StagingTree.failure("the archive's '\(path)' cannot be read") }
                if count == 0 { break }
                content.append(contentsOf: chunk[..<count])
                guard content.count <= 16 << 20 else {
                    throw EngineError(.corruptData, "the archive's '\(path)' is too long")
                }
            }
            let found = StoreFiles.digest(content)
            if let digest, digest != found { throw ImageStore.wrongDigest("'\(path)'", expected: digest, found: found) }
            return content
        }
    }

    private func open(_ path: String, _ flags: Int32, mustExist: Bool) throws(EngineError) -> Int32 {
        let root = folder.withPlatformString { tandem_openat(AT_FDCWD, $0, O_PATH | O_DIRECTORY | O_CLOEXEC, 0) }
        guard root >= 0 else { throw StagingTree.failure("'\(folder)' cannot be opened") }
        defer { close(root) }
        let descriptor = tandem_open_in_root(root, path, UInt64(flags | O_CLOEXEC), 0)
        guard descriptor >= 0 || !mustExist else {
            throw EngineError(.corruptData, "the archive has no '\(path)', which its manifest names")
        }
        return descriptor
    }
}
