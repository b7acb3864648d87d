// SPDX-License-Identifier: Apache-2.0

import Glibc
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
        /// The members.
        var tree: LayerTree
        /// The layer's file, which has the content of all members, and nothing else yet.
        var file: ErofsFile
    }

    /// Unpacks an archive into a new file, called `name` in the folder, with a record of its tar beside it if wanted.
    ///
    /// Blocks.
    func unpack(
        _ source: ByteSource, as name: String, digestsFile: Bool = false, isRecorded: Bool = true,
        takesWhiteouts: Bool = true
    ) throws(EngineError) -> Unpacked {
        let file = try ErofsFile(folder.appending(name))
        let recorder = try isRecorded ? TarSplitRecorder(StoreFiles.split(of: folder.appending(name))) : nil
        let reader = try ArchiveReader(source, digestsFile: digestsFile, recorder: recorder)
        var tree = LayerTree(takesWhiteouts: takesWhiteouts)
        try tree.unpack(reader, into: file)
        let result = try reader.finish()
        guard result.plainSize > 0 else {
            throw EngineError(.corruptData, "the archive is empty", hint: "It has to be a tar of a root file system.")
        }
        if let recorder, try !recorder.finish(plainSize: result.plainSize) {
            // Such a layer runs like any other one; it only cannot be saved.
            _ = recorder.path.withPlatformString { unlink($0) }
        }
        return Unpacked(diffID: result.plainDigest, digest: result.fileDigest, tree: tree, file: file)
    }

    /// Completes the file of an unpacked layer, and syncs it to disk.
    ///
    /// Blocks.
    func build(_ layer: Unpacked) throws(EngineError) -> FilePath {
        var tree = layer.tree
        // The same layer has the same UUID everywhere, so that the file is the same too.
        let digits = Array(layer.diffID.utf8.dropFirst(7).prefix(32))
        let uuid = stride(from: 0, to: digits.count, by: 2).map { index in
            UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) ?? 0
        }
        try tree.write(to: layer.file, uuid: uuid)
        return layer.file.path
    }

    /// Turns errno into our words.
    static func failure(_ what: String) -> EngineError {
        let number = errno
        let code: EngineError.Code =
            switch number {
            case ENOSPC, EDQUOT: .resourceExhausted
            case EPERM, EACCES, EROFS: .permissionDenied
            default: .internal
            }
        return EngineError(
            code, "\(what): \(String(cString: strerror(number)))",
            hint: number == ENOSPC
                ? "Free some space on the data root's file system, or move it with --data-root." : nil)
    }
}
