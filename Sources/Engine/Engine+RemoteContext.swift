// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import Glibc
public import ImageStore
import LinuxSystem
import SystemPackage
public import TandemModel

extension Engine {
    /// Fetches the context of a build: an archive, a Dockerfile alone, or a repository.
    ///
    /// - Returns: The context, and whether it is only a file `Dockerfile`.
    public nonisolated func remoteContext(
        _ address: String
    ) async throws(EngineError) -> (context: BuildContext, isFile: Bool) {
        switch RemoteAddress(address) {
        case nil:
            throw EngineError(
                .invalidArgument, "remoteURL (\(address)) could not be recognized as URL",
                hint: "Name an http or https address, or a git repository.")
        case .git(let repository, let reference, let folder):
            let source = GitRepository(address: repository, reference: reference, folder: folder)
            return (try await context(of: source), false)
        case .web(let address):
            let file: FetchedFile
            do throws(EngineError) {
                file = try await fetch(address) { _ in }
            } catch {
                throw EngineError(
                    error.code, "error downloading remote context \(address): \(error.message)", hint: error.hint)
            }
            let isFile = try await BlockingQueue.run { () throws(EngineError) in try file.isDockerfile }
            return (try await isFile ? context(of: file) : archive(file), isFile)
        }
    }

    private nonisolated func archive(_ file: FetchedFile) async throws(EngineError) -> BuildContext {
        lseek(file.descriptor, 0, SEEK_SET)
        return try await images.makeContext(file.descriptor)
    }

    private nonisolated func context(of file: FetchedFile) async throws(EngineError) -> BuildContext {
        let images = images
        return try await BytePipe.run(for: "Dockerfile") { (descriptor) async throws(EngineError) in
            try await BlockingQueue.run { () throws(EngineError) in
                let writer = try LayerTarWriter(descriptor)
                lseek(file.descriptor, 0, SEEK_SET)
                try writer.addFile(
                    Array("Dockerfile".utf8), LayerTarWriter.Metadata(mode: S_IFREG | 0o600),
                    content: file.descriptor, size: file.size)
                try writer.finish()
            }
        } to: { descriptor throws(EngineError) in
            try await images.makeContext(descriptor)
        }
    }

    private nonisolated func context(of source: GitRepository) async throws(EngineError) -> BuildContext {
        let images = images
        let folder = try images.makeStagingFolder()
        let packed = await BlockingQueue.run { () -> Result<Int32, EngineError> in
            // What stays is room lost until the next start.
            defer { try? Folders.remove(folder) }
            do throws(EngineError) {
                let file = folder.appending("context.tar")
                try source.pack(into: file, by: folder.appending("repository"))
                let descriptor = file.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
                guard descriptor >= 0 else { throw EngineError(.internal, "'\(file)' cannot be opened") }
                return .success(descriptor)
            } catch {
                return .failure(error)
            }
        }
        let descriptor = try packed.get()
        defer { close(descriptor) }
        return try await images.makeContext(descriptor)
    }
}

extension FetchedFile {
    private static let archives = ["tar", "gzip", "bzip", "bzip2", "xz", "zstd"]

    /// Whether it is text (moby's builder/remotecontext/remote.go): by the server's word, or else by what it begins with.
    ///
    /// Blocks.
    fileprivate var isDockerfile: Bool {
        get throws(EngineError) {
            guard size > 0 else { throw EngineError(.invalidArgument, "remote context \(address): empty response") }
            let word = type.prefix { $0 != ";" && $0 != " " }.lowercased()
            if word == "text/plain" { return true }
            if word.hasPrefix("application/") {
                let name = word.dropFirst(12)
                if Self.archives.contains(String(name.hasPrefix("x-") ? name.dropFirst(2) : name)) { return false }
            }
            guard word.isEmpty || word == "application/octet-stream" else {
                throw EngineError(
                    .invalidArgument,
                    "error detecting content type for remote \(address): unsupported Content-Type \"\(type)\"",
                    hint: "It has to be text/plain for a Dockerfile, or an archive.")
            }
            var start = [UInt8](repeating: 0, count: 512)
            let count = pread(descriptor, &start, start.count, 0)
            return start.prefix(max(0, count)).allSatisfy { $0 >= 0x20 || (0x09...0x0D).contains($0) }
        }
    }
}
