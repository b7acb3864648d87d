// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Glibc
import TandemModel

/// Reads a tar of any dialect, plain or compressed by gzip, xz, bzip2 or zstd, and digests it on the way.
///
/// Two readers of libarchive stand behind each other: the first one only decompresses, on a thread of its own; the second
/// one only reads tar, here. All calls block.
final class ArchiveReader {
    /// What the callback knows: the bytes that libarchive reads at the moment stay where they are until its next call.
    private final class Input {
        let queue = BlockQueue(count: 8)
        let recorder: TarSplitRecorder?
        var current: BlockQueue.Buffer?

        init(_ recorder: TarSplitRecorder?) { self.recorder = recorder }

        /// - Returns: As a callback of libarchive: the number of bytes, 0 at the end, -1 for a failure.
        func next(_ pointer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
            if let current { queue.giveBack(current) }
            current = nil
            guard let block = queue.next() else { return queue.result?.problem == nil ? 0 : -1 }
            current = block.buffer
            recorder?.consume(UnsafeRawBufferPointer(rebasing: block.buffer.bytes[..<block.count]))
            pointer.pointee = UnsafeRawPointer(block.buffer.bytes.baseAddress)
            return block.count
        }
    }

    private let inner: OpaquePointer
    private let input: Input
    private var locale: locale_t?

    /// Begins to read; a recorder sees every byte of the tar before libarchive does.
    ///
    /// - Throws: `.corruptData` if it is no archive.
    init(_ source: ByteSource, digestsFile: Bool, recorder: TarSplitRecorder? = nil) throws(EngineError) {
        input = Input(recorder)
        guard let inner = archive_read_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to read an archive")
        }
        self.inner = inner
        // Without a UTF-8 locale libarchive loses the names that are not ASCII.
        locale = newlocale(1 << LC_CTYPE, "C.UTF-8", nil)
        archive_read_support_format_tar(inner)
        try Decompressor.start(source, digestsFile: digestsFile, to: input.queue)
        let result = archive_read_open(
            inner, Unmanaged.passUnretained(input).toOpaque(), nil,
            { archive, context, pointer in
                guard let context, let pointer else { return -1 }
                let input = Unmanaged<Input>.fromOpaque(context).takeUnretainedValue()
                let count = input.next(pointer)
                if count < 0, let archive { tandem_archive_fail(archive, input.queue.result?.problem) }
                return count
            }, nil)
        guard result == ARCHIVE_OK else { throw failure }
    }

    deinit {
        input.queue.stop()
        archive_read_free(inner)
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
        default: throw failure
        }
    }

    /// Says where the content of the present member has been put.
    func place(_ ranges: [Range<UInt64>]) {
        input.recorder?.place(UInt64(clamping: archive_read_header_position(inner)), ranges)
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
            default: throw failure
            }
        }
    }

    /// Reads to the end of the file, beyond the tar's own end, and gives the digests of both forms.
    func finish() throws(EngineError) -> Decompressor.Result {
        var pointer: UnsafeRawPointer?
        while input.next(&pointer) > 0 {}
        guard let result = input.queue.result, result.problem == nil else { throw failure }
        return result
    }

    private var failure: EngineError {
        let reason =
            input.queue.result?.problem ?? archive_error_string(inner).map { String(cString: $0) } ?? "it is damaged"
        return EngineError(
            .corruptData, "the archive cannot be read: \(reason)",
            hint: "It has to be a complete tar, plain or compressed by gzip, bzip2, xz or zstd.")
    }
}
