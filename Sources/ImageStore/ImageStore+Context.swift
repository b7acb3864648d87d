// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import OCI
public import SystemPackage
public import TandemModel

/// The files that a build may copy from, as a file that can be mounted; `ImageStore.remove` has to follow.
public struct BuildContext: Sendable {
    /// The EROFS file.
    public let file: FilePath
    fileprivate let folder: FilePath
}

extension ImageStore {
    /// Takes in the context of a build, an archive like that of a root file system; nothing of it outlives the build.
    public func makeContext(_ descriptor: Int32) async throws(EngineError) -> BuildContext {
        try await BlockingQueue.run { [self] () throws(EngineError) in
            let folder = try makeStagingFolder()
            do throws(EngineError) {
                var unpacked = try LayerBuilder(folder: folder).unpack(
                    try ByteSource(descriptor: descriptor), as: "context", isRecorded: false, takesWhiteouts: false)
                try unpacked.tree.write(
                    to: unpacked.file, uuid: [UInt8](repeating: 0, count: 16), lasts: false)
                return BuildContext(file: unpacked.file.path, folder: folder)
            } catch {
                // What stays is room lost until the next start.
                try? removeStaging(folder)
                throw error
            }
        }
    }

    /// A folder for what is fetched for a build; the caller removes it.
    ///
    /// Blocks.
    public func makeStagingFolder() throws(EngineError) -> FilePath {
        let folder = files.staging.appending("\(UInt64.random(in: 0...UInt64.max))")
        try Folders.make(folder, mode: 0o700)
        return folder
    }

    /// A file without a name for what is fetched for a build; the caller closes it, and it is gone.
    ///
    /// Blocks.
    public func makeNamelessFile() throws(EngineError) -> Int32 {
        let path = files.staging.appending("\(UInt64.random(in: 0...UInt64.max))")
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else {
            throw EngineError(
                .resourceExhausted, "no file can be made in '\(files.staging)': \(String(cString: strerror(errno)))")
        }
        _ = path.withPlatformString { unlink($0) }
        return descriptor
    }

    /// Removes a context.
    public func remove(_ context: BuildContext) async {
        await BlockingQueue.run {
            // What stays is room lost until the next start.
            try? self.removeStaging(context.folder)
        }
    }

    /// The newest image that was made from another one by a step, with a certain outcome.
    ///
    /// `parent` of `nil` is the empty image.
    public func cached(_ parent: Image?, by step: ImageExtension) -> Image? {
        images.first { image in
            guard image.parent == parent?.id, let last = image.configuration.history?.last,
                image.configuration.history?.count == (parent?.configuration.history?.count ?? 0) + 1
            else { return false }
            return last.createdBy == step.createdBy && image.configuration.config == step.defaults
        }
    }
}
