// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import ImageStore
import LinuxSystem
import Registry
import TandemModel

/// A file that was fetched for a build; without a name on the disk it goes with its last user.
final class FetchedFile: Sendable {
    /// Where it comes from.
    let address: String
    /// What it is called in a folder; empty if nothing says so.
    let name: String
    /// What the server says it is; may be empty.
    let type: String
    /// SHA-256 of its content in hexadecimal digits.
    let content: String
    let size: Int
    /// When it was last changed, 0 if nobody knows.
    let seconds: Int64
    let descriptor: Int32

    /// Takes the descriptor over.
    init(_ descriptor: Int32, from address: String, _ file: RemoteFile, content: String, size: Int) {
        self.descriptor = descriptor
        self.address = address
        self.content = content
        self.size = size
        name = Self.name(file)
        type = file.type
        seconds = file.modified ?? 0
    }

    deinit { close(descriptor) }

    /// What makes a step of the cache another one: the content, and the name in a folder.
    var digest: String {
        var digest = ContentDigest()
        digest.add(Array("\(name)\u{0}\(content)".utf8))
        return digest.digits
    }

    /// By the address, else by the server's word (moby's getFilenameForDownload).
    static func name(_ file: RemoteFile) -> String {
        if !file.path.isEmpty, !file.path.hasSuffix("/") { return base(file.path) }
        for part in file.disposition.split(separator: ";").dropFirst() {
            let words = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != "\"" && $0 != " " } }
            guard words.count == 2, words[0].lowercased() == "filename", !words[1].hasSuffix("/") else { continue }
            return base(words[1])
        }
        return ""
    }

    private static func base(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        return [".", ".."].contains(name) ? "" : name.filter { $0 != "\0" }
    }
}

extension Engine {
    /// Nothing longer is fetched for a build.
    static let fetchLimit: UInt64 = 16 << 30

    /// Fetches a file by its address.
    nonisolated func fetch(
        _ address: String, report: @escaping @Sendable (TransferMessage) async -> Void
    ) async throws(EngineError) -> FetchedFile {
        let images = images
        let descriptor = try await BlockingQueue.run { () throws(EngineError) in try images.makeNamelessFile() }
        var digest = ContentDigest()
        var (size, reported) = (0, 0)
        var full: EngineError?
        do throws(RegistryFailure) {
            let file = try await RemoteFiles(settings: registries).fetch(address, atMost: Self.fetchLimit) {
                (bytes, total) throws(RegistryFailure) in
                if Task.isCancelled { throw RegistryFailure(.cancelled, "context canceled") }
                guard await BlockingQueue.run({ BytePipe.write(bytes, to: descriptor) }) else {
                    let failure = EngineError(.resourceExhausted, "no room is left for \(address)")
                    full = failure
                    throw RegistryFailure(.cancelled, failure.message)
                }
                digest.add(bytes)
                size += bytes.count
                // As often as dockerd.
                guard size - reported >= 512 << 10 || UInt64(size) == total else { return }
                reported = size
                await report(TransferMessage("Downloading", current: UInt64(size), total: total))
            }
            return FetchedFile(descriptor, from: address, file, content: digest.digits, size: size)
        } catch {
            close(descriptor)
            throw full ?? error.engineError
        }
    }
}
