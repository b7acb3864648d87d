// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// Turns archives into EROFS files in a folder of their own, which goes with everything in it if something fails.
struct LayerBuilder {
    let folder: FilePath

    /// What came out of an archive.
    struct Unpacked {
        /// `sha256:…` of the uncompressed tar.
        var diffID: String
        /// `sha256:…` of the file as it came, if that was asked for.
        var digest: String
        /// Length of the uncompressed tar.
        var size: UInt64
        /// The folder with the members.
        var tree: FilePath
        /// Whether files have holes.
        var hasSparseFiles: Bool
    }

    /// Unpacks an archive into a new folder.
    ///
    /// Blocks.
    func unpack(
        _ descriptor: Int32, as name: String, digestsFile: Bool = false
    ) throws(EngineError) -> Unpacked {
        let path = folder.appending(name)
        try Folders.make(path, mode: 0o755)
        let reader = try ArchiveReader(descriptor: descriptor, digestsFile: digestsFile)
        let tree = try StagingTree(path)
        try tree.unpack(reader)
        let digests = try reader.finish()
        guard digests.plainSize > 0 else {
            throw EngineError(.corruptData, "the archive is empty", hint: "It has to be a tar of a root file system.")
        }
        return Unpacked(
            diffID: "sha256:\(digests.plain)", digest: "sha256:\(digests.compressed)", size: digests.plainSize,
            tree: path,
            hasSparseFiles: tree.hasSparseFiles)
    }

    /// Makes an EROFS file of an unpacked layer, synced to disk, and removes the folder.
    ///
    /// Blocks.
    func build(_ layer: Unpacked) throws(EngineError) -> FilePath {
        let file = folder.appending(layer.diffID.dropFirst(7) + ".erofs")
        // The same layer has the same UUID everywhere, so that the file is the same too.
        let uuid = Self.uuid(String(layer.diffID.dropFirst(7)))
        var arguments = ["--quiet", "-U", uuid]
        // Holes take no room only in chunks.
        if layer.hasSparseFiles { arguments.append("--chunksize=4096") }
        try SystemProgram(path: "/usr/bin/mkfs.erofs", arguments: arguments + [file.string, layer.tree.string]).run()
        try Folders.remove(layer.tree)
        let descriptor = file.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw StagingTree.failure("the layer '\(layer.diffID)' cannot be read") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw StagingTree.failure("the layer '\(layer.diffID)' cannot be stored") }
        return file
    }

    private static func uuid(_ digits: String) -> String {
        let characters = Array(digits)
        let cuts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return cuts.map { String(characters[$0]) }.joined(separator: "-")
    }
}
