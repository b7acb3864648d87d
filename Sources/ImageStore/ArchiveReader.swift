// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Crypto
import Glibc
import TandemModel

/// Reads a tar of any dialect, plain or compressed by gzip, xz, bzip2 or zstd, and digests it on the way.
///
/// Two readers of libarchive stand behind each other: the first one only decompresses, the second one only reads tar, so
/// that the bytes in between, whose digest is the layer's diff id, pass by here. All calls block.
final class ArchiveReader {
    /// What the callbacks of both readers share.
    fileprivate final class Pipe {
        let descriptor: Int32
        let outer: OpaquePointer
        /// Whether anybody wants to know the digest of the file as it came: it costs as much as that of the content.
        let digestsFile: Bool
        // libarchive keeps pointers into them between calls.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        var compressedDigest = SHA256()
        var plainDigest = SHA256()
        var plainSize: UInt64 = 0
        var readError: Int32 = 0

        init(descriptor: Int32, outer: OpaquePointer, digestsFile: Bool) {
            self.digestsFile = digestsFile
            self.descriptor = descriptor
            self.outer = outer
        }

        deinit {
            buffer.deallocate()
            plain.deallocate()
        }
    }

    private let inner: OpaquePointer
    private let pipe: Pipe
    private var locale: locale_t?

    /// Begins to read.
    ///
    /// - Throws: `.corruptData` if it is no archive.
    init(descriptor: Int32, digestsFile: Bool) throws(EngineError) {
        guard let outer = archive_read_new(), let inner = archive_read_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to read an archive")
        }
        self.inner = inner
        pipe = Pipe(descriptor: descriptor, outer: outer, digestsFile: digestsFile)
        // Without a UTF-8 locale libarchive loses the names that are not ASCII.
        locale = newlocale(1 << LC_CTYPE, "C.UTF-8", nil)
        archive_read_support_filter_all(outer)
        archive_read_support_format_raw(outer)
        archive_read_support_format_empty(outer)
        archive_read_support_format_tar(inner)
        let context = Unmanaged.passUnretained(pipe).toOpaque()
        let outerResult = archive_read_open(
            outer, context, nil,
            { _, context, buffer in
                guard let context, let buffer else { return -1 }
                return Unmanaged<Pipe>.fromOpaque(context).takeUnretainedValue().readCompressed(buffer)
            }, nil)
        var header: OpaquePointer?
        let headerResult = outerResult == ARCHIVE_OK ? archive_read_next_header(outer, &header) : outerResult
        guard headerResult == ARCHIVE_OK || headerResult == ARCHIVE_EOF else { throw failure(outer) }
        let innerResult = archive_read_open(
            inner, context, nil,
            { archive, context, buffer in
                guard let context, let buffer else { return -1 }
                let pipe = Unmanaged<Pipe>.fromOpaque(context).takeUnretainedValue()
                let count = pipe.readPlain(buffer)
                if count < 0, let archive { tandem_archive_fail(archive, archive_error_string(pipe.outer)) }
                return count
            }, nil)
        guard innerResult == ARCHIVE_OK else { throw failure(inner) }
    }

    deinit {
        archive_read_free(inner)
        archive_read_free(pipe.outer)
        if let locale { freelocale(locale) }
    }

    /// The next member, valid until the next call; `nil` at the end.
    ///
    /// - Throws: `.corruptData` for an archive that is damaged or cut short.
    func next() throws(EngineError) -> OpaquePointer? {
        let previous = locale.map { uselocale($0) }
        defer { if let previous { uselocale(previous) } }
        var entry: OpaquePointer?
        switch archive_read_next_header(inner, &entry) {
        case ARCHIVE_OK, ARCHIVE_WARN: return entry
        case ARCHIVE_EOF: return nil
        default: throw failure(inner)
        }
    }

    /// Gives each block of the present member's data with its offset; holes are left out.
    func forEachBlock(_ body: (UnsafeRawBufferPointer, Int64) throws(EngineError) -> Void) throws(EngineError) {
        while true {
            var block: UnsafeRawPointer?
            var size = 0
            var offset: Int64 = 0
            switch archive_read_data_block(inner, &block, &size, &offset) {
            case ARCHIVE_OK, ARCHIVE_WARN: try body(UnsafeRawBufferPointer(start: block, count: size), offset)
            case ARCHIVE_EOF: return
            default: throw failure(inner)
            }
        }
    }

    /// Reads to the end of the file, beyond the tar's own end, and gives the digests of both forms.
    func finish() throws(EngineError) -> (plain: String, compressed: String, plainSize: UInt64) {
        var pointer: UnsafeRawPointer?
        while true {
            let count = pipe.readPlain(&pointer)
            if count < 0 { throw failure(pipe.outer) }
            if count == 0 { break }
        }
        while pipe.readCompressed(&pointer) > 0 {}
        if pipe.readError != 0 { throw failure(pipe.outer) }
        return (
            Self.hexadecimal(pipe.plainDigest.finalize()), Self.hexadecimal(pipe.compressedDigest.finalize()),
            pipe.plainSize
        )
    }

    static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in digest {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func failure(_ archive: OpaquePointer) -> EngineError {
        if pipe.readError != 0 {
            return EngineError(.corruptData, "the archive cannot be read: \(String(cString: strerror(pipe.readError)))")
        }
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "it is damaged"
        return EngineError(
            .corruptData, "the archive cannot be read: \(reason)",
            hint: "It has to be a complete tar, plain or compressed by gzip, bzip2, xz or zstd.")
    }
}

extension ArchiveReader.Pipe {
    fileprivate func readCompressed(_ pointer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { readError = errno }
            if count > 0 && digestsFile {
                compressedDigest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            pointer.pointee = UnsafeRawPointer(buffer.baseAddress)
            return count
        }
    }

    fileprivate func readPlain(_ pointer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        let count = archive_read_data(outer, plain.baseAddress, plain.count)
        if count > 0 {
            plainSize += UInt64(count)
            plainDigest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: plain[..<count]))
        }
        pointer.pointee = UnsafeRawPointer(plain.baseAddress)
        return count
    }
}
