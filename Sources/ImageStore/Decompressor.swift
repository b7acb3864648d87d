// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Crypto
import Glibc
import LinuxSystem
import TandemModel

/// Decompresses and digests an archive on a thread of its own.
final class Decompressor {
    /// What is known at the end.
    struct Result: Sendable {
        /// Why it ended before the archive's end.
        var problem: String?
        /// `sha256:…` of the decompressed bytes.
        var plainDigest: String
        /// Their number.
        var plainSize: UInt64
        /// `sha256:…` of the file as it came, if that was asked for: it costs as much as that of the content.
        var fileDigest: String
    }

    private let source: ByteSource
    private let digestsFile: Bool
    private let queue: BlockQueue
    private let input = BlockQueue.Buffer()
    private var position: UInt64 = 0
    private var readProblem: Int32 = 0
    private var fileHash = SHA256()
    private var plainHash = SHA256()
    private var plainSize: UInt64 = 0
    private var checksum = GzipChecksum()

    private init(_ source: ByteSource, digestsFile: Bool, to queue: BlockQueue) {
        self.source = source
        self.digestsFile = digestsFile
        self.queue = queue
    }

    /// Begins; the thread ends with the source, or soon after `queue.stop()`.
    static func start(_ source: ByteSource, digestsFile: Bool, to queue: BlockQueue) throws(EngineError) {
        let isStarted = WorkerThread.start {
            let decompressor = Decompressor(source, digestsFile: digestsFile, to: queue)
            let problem = decompressor.run()
            queue.end(decompressor.result(problem))
        }
        guard isStarted else {
            throw EngineError(.resourceExhausted, "no thread can be had to read the archive")
        }
    }

    private func result(_ problem: String?) -> Result {
        Result(
            problem: problem, plainDigest: Self.text(plainHash.finalize()), plainSize: plainSize,
            fileDigest: digestsFile ? Self.text(fileHash.finalize()) : "")
    }

    /// - Returns: What went wrong, if anything.
    private func run() -> String? {
        guard let archive = archive_read_new() else { return "there is no memory" }
        defer { archive_read_free(archive) }
        // Not all that libarchive knows: for some forms it would run a program of the host.
        for support in [
            archive_read_support_filter_none, archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
            archive_read_support_filter_xz, archive_read_support_filter_zstd,
        ] { _ = support(archive) }
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        var result = archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, pointer in
                guard let context, let pointer else { return -1 }
                return Unmanaged<Decompressor>.fromOpaque(context).takeUnretainedValue().readFile(pointer)
            }, nil)
        var header: OpaquePointer?
        if result == ARCHIVE_OK { result = archive_read_next_header(archive, &header) }
        guard result != ARCHIVE_EOF else { return readProblem == 0 ? "it is empty" : reason(archive) }
        guard result == ARCHIVE_OK else { return reason(archive) }
        while let buffer = queue.take() {
            let count = archive_read_data(archive, buffer.bytes.baseAddress, buffer.bytes.count)
            guard count >= 0 else { return reason(archive) }
            guard count > 0 else { break }
            plainSize += UInt64(count)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
            plainHash.update(bufferPointer: bytes)
            if !digestsFile { checksum.decompressed(bytes) }
            queue.pass(buffer, count: count)
        }
        // Whatever follows the compressed content belongs to the file too.
        var pointer: UnsafeRawPointer?
        while readFile(&pointer) > 0 {}
        if checksum.isWrong { return "its content does not have the checksum that it says" }
        return readProblem == 0 ? nil : reason(archive)
    }

    private func readFile(_ pointer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        guard !queue.isStopped else { return 0 }
        let count = source.read(input.bytes, position: &position)
        if count < 0 { readProblem = errno }
        if count > 0 {
            let bytes = UnsafeRawBufferPointer(rebasing: input.bytes[..<count])
            // The digest of the whole says more.
            if digestsFile { fileHash.update(bufferPointer: bytes) } else { checksum.read(bytes) }
        }
        pointer.pointee = UnsafeRawPointer(input.bytes.baseAddress)
        return count
    }

    private func reason(_ archive: OpaquePointer) -> String {
        if readProblem != 0 { return String(cString: strerror(readProblem)) }
        return archive_error_string(archive).map { String(cString: $0) } ?? "it is damaged"
    }

    private static func text(_ digest: some Sequence<UInt8>) -> String { "sha256:" + hexadecimal(digest) }

    static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in digest {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
