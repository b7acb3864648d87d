// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import Foundation
import Glibc

/// A tar in memory, with members that no honest program writes.
final class TestArchive {
    private let archive: OpaquePointer
    private let descriptor: Int32

    /// How the bytes are compressed.
    enum Compression: CaseIterable {
        case none, gzip, bzip2, xz, zstd
    }

    init(_ compression: Compression = .none) {
        descriptor = memfd_create("test", 0)
        guard let archive = archive_write_new() else { preconditionFailure("no memory") }
        self.archive = archive
        archive_write_set_format_pax(archive)
        switch compression {
        case .none: break
        case .gzip: archive_write_add_filter_gzip(archive)
        case .bzip2: archive_write_add_filter_bzip2(archive)
        case .xz: archive_write_add_filter_xz(archive)
        case .zstd: archive_write_add_filter_zstd(archive)
        }
        archive_write_open_fd(archive, descriptor)
    }

    @discardableResult
    func add(
        _ path: String, type: UInt32 = S_IFREG, mode: UInt32 = 0o644, content: String = "", link: String? = nil,
        uid: Int64 = 0, attributes: [String: String] = [:], device: (Int, Int) = (0, 0), time: Int = 1_000_000_000
    ) -> TestArchive {
        add(
            path, type: type, mode: mode, content: Data(content.utf8), link: link, uid: uid,
            attributes: attributes.mapValues { Data($0.utf8) }, device: device, time: time)
    }

    @discardableResult
    func add(
        _ path: String, type: UInt32 = S_IFREG, mode: UInt32 = 0o644, content: Data, link: String? = nil,
        uid: Int64 = 0, attributes: [String: Data] = [:], device: (Int, Int) = (0, 0), time: Int = 1_000_000_000
    ) -> TestArchive {
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, path)
        archive_entry_set_filetype(entry, type)
        archive_entry_set_perm(entry, mode)
        archive_entry_set_uid(entry, uid)
        archive_entry_set_mtime(entry, time, 0)
        archive_entry_set_size(entry, Int64(content.count))
        archive_entry_set_rdevmajor(entry, UInt(device.0))
        archive_entry_set_rdevminor(entry, UInt(device.1))
        if let link {
            if type == S_IFLNK {
                archive_entry_set_symlink(entry, link)
            } else {
                archive_entry_set_hardlink(entry, link)
            }
        }
        for (name, value) in attributes {
            value.withUnsafeBytes { archive_entry_xattr_add_entry(entry, name, $0.baseAddress, $0.count) }
        }
        archive_write_header(archive, entry)
        content.withUnsafeBytes { _ = archive_write_data(archive, $0.baseAddress, $0.count) }
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
