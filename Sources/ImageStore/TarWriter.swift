// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Glibc
import TandemModel

/// Writes a tar of a few members to a descriptor, by libarchive.
///
/// The caller may close the descriptor at any time. All calls block.
final class TarWriter {
    private let archive: OpaquePointer
    private let target: ArchiveTarget
    private let time: Int

    /// `time` is the members' time of modification, in seconds since 1970.
    init(descriptor: Int32, time: Int) throws(EngineError) {
        target = try ArchiveTarget(descriptor)
        guard let archive = archive_write_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to write an archive")
        }
        self.archive = archive
        self.time = time
        archive_write_set_format_pax_restricted(archive)
        archive_write_add_filter_none(archive)
        guard archive_write_open_fd(archive, target.descriptor) == ARCHIVE_OK else { throw failure }
    }

    deinit { archive_write_free(archive) }

    func addFolder(_ path: String, mode: UInt32 = 0o755) throws(EngineError) {
        try add(path, type: S_IFDIR, mode: mode) { _ in }
    }

    func addFile(
        _ path: String, mode: UInt32 = 0o644, content: [UInt8], time: Int? = nil
    ) throws(EngineError) {
        try add(path, type: S_IFREG, mode: mode) { entry in
            archive_entry_set_size(entry, Int64(content.count))
            if let time { archive_entry_set_mtime(entry, time, 0) }
        }
        guard content.isEmpty || archive_write_data(archive, content, content.count) == content.count else {
            throw failure
        }
    }

    /// Adds a file whose `size` bytes come piece by piece.
    func addFile(
        _ path: String, mode: UInt32 = 0o644, size: UInt64, time: Int,
        _ content: ((UnsafeRawBufferPointer) throws(EngineError) -> Void) throws(EngineError) -> Void
    ) throws(EngineError) {
        try add(path, type: S_IFREG, mode: mode) { entry in
            archive_entry_set_size(entry, Int64(clamping: size))
            archive_entry_set_mtime(entry, time, 0)
        }
        try content { (bytes) throws(EngineError) in
            guard archive_write_data(archive, bytes.baseAddress, bytes.count) == bytes.count else { throw failure }
        }
    }

    func addHardLink(_ path: String, to target: String) throws(EngineError) {
        try add(path, type: S_IFREG, mode: 0o755) { archive_entry_set_hardlink($0, target) }
    }

    func addSymbolicLink(_ path: String, to target: String) throws(EngineError) {
        try add(path, type: S_IFLNK, mode: 0o777) { archive_entry_set_symlink($0, target) }
    }

    func finish() throws(EngineError) {
        guard archive_write_close(archive) == ARCHIVE_OK else { throw failure }
    }

    private func add(_ path: String, type: UInt32, mode: UInt32, _ describe: (OpaquePointer) -> Void)
        throws(EngineError)
    {
        guard let entry = archive_entry_new() else { throw failure }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, path)
        archive_entry_set_filetype(entry, type)
        archive_entry_set_perm(entry, mode)
        archive_entry_set_mtime(entry, time, 0)
        describe(entry)
        guard archive_write_header(archive, entry) == ARCHIVE_OK else { throw failure }
    }

    private var failure: EngineError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        return EngineError(.internal, "an archive cannot be written: \(reason)")
    }
}
