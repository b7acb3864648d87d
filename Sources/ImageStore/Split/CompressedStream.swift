// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Glibc
import TandemModel

/// Writes bytes to where a descriptor stands, compressed.
///
/// The caller may close the descriptor at any time. All calls block.
final class CompressedWriter {
    private let archive: OpaquePointer
    private let target: ArchiveTarget

    /// How to compress.
    enum Form {
        case zstd
        /// As registries have layers; without a date, so that the same bytes give the same bytes.
        case gzip
    }

    init(_ descriptor: Int32, _ form: Form = .zstd) throws(EngineError) {
        target = try ArchiveTarget(descriptor)
        guard let archive = archive_write_new(), let entry = archive_entry_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to compress anything")
        }
        defer { archive_entry_free(entry) }
        self.archive = archive
        archive_write_set_format_raw(archive)
        switch form {
        case .zstd:
            archive_write_add_filter_zstd(archive)
            // Headers of files are alike: more effort gains little.
            archive_write_set_filter_option(archive, "zstd", "compression-level", "1")
        case .gzip:
            archive_write_add_filter_gzip(archive)
            archive_write_set_filter_option(archive, "gzip", "timestamp", nil)
        }
        archive_write_set_bytes_in_last_block(archive, 1)
        archive_entry_set_filetype(entry, S_IFREG)
        guard archive_write_open_fd(archive, target.descriptor) == ARCHIVE_OK,
            archive_write_header(archive, entry) == ARCHIVE_OK
        else { throw failure }
    }

    deinit { archive_write_free(archive) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
        guard !bytes.isEmpty else { return }
        guard archive_write_data(archive, bytes.baseAddress, bytes.count) == bytes.count else { throw failure }
    }

    func finish() throws(EngineError) {
        guard archive_write_close(archive) == ARCHIVE_OK else { throw failure }
    }

    private var failure: EngineError {
        let isFull = archive_errno(archive) == ENOSPC
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        return EngineError(
            isFull ? .resourceExhausted : .internal, "a layer's record cannot be written: \(reason)",
            hint: isFull ? "Free some space on the data root's file system." : nil)
    }
}

/// Reads what `CompressedWriter` has written.
///
/// All calls block.
final class CompressedReader {
    private let archive: OpaquePointer
    private let source: ByteSource
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private var position: UInt64 = 0

    init(_ source: ByteSource) throws(EngineError) {
        guard let archive = archive_read_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to decompress anything")
        }
        self.archive = archive
        self.source = source
        archive_read_support_filter_zstd(archive)
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        let opened = archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, pointer in
                guard let context, let pointer else { return -1 }
                let reader = Unmanaged<CompressedReader>.fromOpaque(context).takeUnretainedValue()
                pointer.pointee = UnsafeRawPointer(reader.buffer.baseAddress)
                return reader.source.read(reader.buffer, position: &reader.position)
            }, nil)
        var entry: OpaquePointer?
        guard opened == ARCHIVE_OK, archive_read_next_header(archive, &entry) >= ARCHIVE_WARN else { throw failure }
    }

    deinit {
        archive_read_free(archive)
        buffer.deallocate()
    }

    /// Fills a buffer as far as there are bytes.
    func read(_ bytes: UnsafeMutableRawBufferPointer) throws(EngineError) -> Int {
        var done = 0
        while done < bytes.count {
            let count = archive_read_data(archive, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            guard count >= 0 else { throw failure }
            if count == 0 { break }
            done += count
        }
        return done
    }

    private var failure: EngineError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "it is damaged"
        return EngineError(.corruptData, "a layer's record in the store cannot be read: \(reason)")
    }
}
