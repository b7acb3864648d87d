// SPDX-License-Identifier: Apache-2.0

// stat(2) is known by this module's headers first.
import CLibarchive
import CLinux
import Crypto
import FoundationEssentials
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// The store's folder: `blobs/sha256/<hex>` for configurations, `layers/<hex>.erofs` with `.split` beside it, `staging/`,
/// `downloads/<hex>` and `index.json`.
struct StoreFiles: Sendable {
    let root: FilePath

    var layers: FilePath { root.appending("layers") }
    var blobs: FilePath { root.appending("blobs/sha256") }
    var staging: FilePath { root.appending("staging") }
    /// Blobs of registries that are not complete, or whose image is not.
    var downloads: FilePath { root.appending("downloads") }
    private var index: FilePath { root.appending("index.json") }

    /// Makes the folders, and empties what an import that was cut off has left.
    func prepare() throws(EngineError) {
        try Folders.make(layers, mode: 0o700)
        try Folders.make(blobs, mode: 0o700)
        try Folders.make(downloads, mode: 0o700)
        try Folders.remove(staging)
        try Folders.make(staging, mode: 0o700)
    }

    func layer(_ diffID: String) -> FilePath { layers.appending(diffID.dropFirst(7) + ".erofs") }

    /// The record of the tar that a layer came as, see `TarSplit`.
    func split(_ diffID: String) -> FilePath { Self.split(of: layer(diffID)) }

    static func split(of layer: FilePath) -> FilePath { FilePath(layer.string + ".split") }

    func blob(_ digest: String) -> FilePath { blobs.appending(String(digest.dropFirst(7))) }

    func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

    /// Length of a layer's file; `nil` if there is none.
    func layerSize(_ diffID: String) -> UInt64? {
        var status = stat()
        guard layer(diffID).withPlatformString({ stat($0, &status) }) == 0 else { return nil }
        return UInt64(status.st_size)
    }

    static func digest(_ content: Data) -> String { "sha256:" + Decompressor.hexadecimal(SHA256.hash(data: content)) }

    /// Reads a blob and checks it.
    func read(blob digest: String) throws(EngineError) -> Data {
        // A blob that cannot be read is as good as a damaged one.
        guard let content = try? Data(contentsOf: URL(filePath: blob(digest).string)), Self.digest(content) == digest
        else {
            throw EngineError(.corruptData, "the image configuration '\(digest)' in the store is damaged")
        }
        return content
    }

    func readIndex() throws(EngineError) -> StoreIndex {
        guard FileManager.default.fileExists(atPath: index.string) else { return StoreIndex() }
        do {
            return try JSONDecoder().decode(StoreIndex.self, from: Data(contentsOf: URL(filePath: index.string)))
        } catch {
            throw EngineError(
                .corruptData, "'\(index)' cannot be read: it is damaged", hint: "Restore it, or remove the image store."
            )
        }
    }

    func write(_ value: StoreIndex) throws(EngineError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let content = try? encoder.encode(value) else {  // strings always encode
            throw EngineError(.internal, "the image index cannot be written")
        }
        try replace(index, with: content)
    }

    /// Writes a file beside its place, syncs it and renames it.
    func replace(_ path: FilePath, with content: Data) throws(EngineError) {
        let temporary = staging.appending("\(UInt64.random(in: 0...UInt64.max))")
        let descriptor = temporary.withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw LayerBuilder.failure("'\(path)' cannot be written") }
        let isWritten = content.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        let isSynced = isWritten && fsync(descriptor) == 0
        let problem = errno
        close(descriptor)
        errno = problem
        guard isSynced else {
            _ = temporary.withPlatformString { unlink($0) }
            errno = problem
            throw LayerBuilder.failure("'\(path)' cannot be written")
        }
        do throws(EngineError) {
            try move(temporary, to: path)
        } catch {
            _ = temporary.withPlatformString { unlink($0) }
            throw error
        }
    }

    /// Removes all files of a folder except some.
    func removeFiles(in folder: FilePath, but kept: Set<FilePath>) {
        for name in Folders.names(in: folder) where !kept.contains(folder.appending(name)) {
            let file = folder.appending(name)
            // A second try, for a fault that has passed.
            for _ in 0..<2 where file.withPlatformString({ unlink($0) }) == 0 { break }
        }
    }

    /// Renames within the store, and syncs the folder so that the name survives a crash.
    func move(_ from: FilePath, to path: FilePath) throws(EngineError) {
        let moved = from.withPlatformString { from in path.withPlatformString { rename(from, $0) } }
        guard moved == 0 else { throw LayerBuilder.failure("'\(path)' cannot be written") }
        let folder = path.removingLastComponent().withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }
}
