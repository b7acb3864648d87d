// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Foundation
import Glibc

/// A tar in memory, with members that no honest program writes.
final class TestArchive {
    private let archive: OpaquePointer
    private let descriptor: Int32

    init(gzip: Bool = false) {
        descriptor = memfd_create("test", 0)
        guard let archive = archive_write_new() else { preconditionFailure("no memory") }
        self.archive = archive
        archive_write_set_format_pax(archive)
        if gzip { archive_write_add_filter_gzip(archive) }
        archive_write_open_fd(archive, descriptor)
    }

    @discardableResult
    func add(
        _ path: String, type: UInt32 = S_IFREG, mode: UInt32 = 0o644, content: String = "", link: String? = nil,
        uid: Int64 = 0, attributes: [String: String] = [:], device: (Int, Int) = (0, 0)
    ) -> TestArchive {
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, path)
        archive_entry_set_filetype(entry, type)
        archive_entry_set_perm(entry, mode)
        archive_entry_set_uid(entry, uid)
        archive_entry_set_mtime(entry, 1_000_000_000, 0)
        archive_entry_set_size(entry, Int64(content.utf8.count))
        archive_entry_set_rdevmajor(entry, UInt(device.0))
        archive_entry_set_rdevminor(entry, UInt(device.1))
        if let link {
            if type == S_IFLNK {
                archive_entry_set_symlink(entry, link)
            } else {
                archive_entry_set_hardlink(entry, link)
            }
        }
        for (name, value) in attributes { archive_entry_xattr_add_entry(entry, name, value, value.utf8.count) }
        archive_write_header(archive, entry)
        archive_write_data(archive, content, content.utf8.count)
        return self
    }

    /// The descriptor of the finished archive, at its beginning.
    func finish() -> Int32 {
        archive_write_close(archive)
        archive_write_free(archive)
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    /// All bytes of the finished archive.
    func bytes() -> Data {
        let descriptor = finish()
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).readDataToEndOfFile()
    }
}
