// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Glibc
public import TandemModel

/// Writes the tar of a layer, whose names and targets are bytes.
///
/// The caller may close the descriptor at any time. All calls block.
public final class LayerTarWriter {
    /// What a member is besides its name and content.
    public struct Metadata: Sendable {
        /// Type and permission bits.
        public var mode: UInt32
        /// Owner.
        public var owner: UInt32 = 0
        /// Group.
        public var group: UInt32 = 0
        /// Time of modification in seconds since 1970.
        public var seconds: Int64 = 0
        /// Number of a device.
        public var device: UInt64 = 0
        /// Extended attributes.
        public var attributes: [(name: [UInt8], value: [UInt8])] = []

        /// Describes a member.
        public init(mode: UInt32) { self.mode = mode }
    }

    private let archive: OpaquePointer
    private let target: ArchiveTarget
    private let locale: locale_t?
    private var isFinished = false

    /// Begins to write.
    public init(_ descriptor: Int32) throws(EngineError) {
        target = try ArchiveTarget(descriptor)
        guard let archive = archive_write_new() else {
            throw EngineError(.resourceExhausted, "there is no memory to write an archive")
        }
        self.archive = archive
        // Without a UTF-8 locale libarchive loses the names that are not ASCII.
        locale = newlocale(1 << LC_CTYPE, "C.UTF-8", nil)
        archive_write_set_format_pax_restricted(archive)
        archive_write_add_filter_none(archive)
        // No padding beyond the tar's own end: the digest is of the tar.
        archive_write_set_bytes_in_last_block(archive, 1)
        guard archive_write_open_fd(archive, target.descriptor) == ARCHIVE_OK else { throw failure }
    }

    deinit {
        // What was given up must not look like a whole archive.
        if !isFinished { archive_write_fail(archive) }
        archive_write_free(archive)
        if let locale { freelocale(locale) }
    }

    /// Adds a folder, a device or a pipe.
    public func add(_ path: [UInt8], _ metadata: Metadata) throws(EngineError) {
        try header(path, metadata) { _ in }
    }

    /// Adds a symbolic link.
    public func addLink(_ path: [UInt8], to target: [UInt8], _ metadata: Metadata) throws(EngineError) {
        try header(path, metadata) { entry in Self.withText(target) { archive_entry_set_symlink(entry, $0) } }
    }

    /// Adds a further name of a file that has been added.
    public func addHardLink(_ path: [UInt8], to target: [UInt8], _ metadata: Metadata) throws(EngineError) {
        try header(path, metadata) { entry in Self.withText(target) { archive_entry_set_hardlink(entry, $0) } }
    }

    /// Adds a file with the content of another one.
    public func addFile(_ path: [UInt8], _ metadata: Metadata, content: Int32, size: Int) throws(EngineError) {
        try header(path, metadata) { archive_entry_set_size($0, Int64(size)) }
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        var left = size
        while left > 0 {
            let count = Glibc.read(content, &buffer, min(left, buffer.count))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw LayerBuilder.failure("a file cannot be read") }
            guard archive_write_data(archive, buffer, count) == count else { throw failure }
            left -= count
        }
    }

    /// Adds a file.
    public func addFile(_ path: [UInt8], _ metadata: Metadata, content: [UInt8]) throws(EngineError) {
        try header(path, metadata) { archive_entry_set_size($0, Int64(content.count)) }
        guard content.isEmpty || archive_write_data(archive, content, content.count) == content.count else {
            throw failure
        }
    }

    /// Ends the archive.
    public func finish() throws(EngineError) {
        guard archive_write_close(archive) == ARCHIVE_OK else { throw failure }
        isFinished = true
    }

    private static func withText(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Void) {
        (bytes + [0]).withUnsafeBytes { raw in
            if let text = raw.bindMemory(to: CChar.self).baseAddress { body(text) }
        }
    }

    private func header(
        _ path: [UInt8], _ metadata: Metadata, _ describe: (OpaquePointer) -> Void
    ) throws(EngineError) {
        let previous = locale.map { uselocale($0) }
        defer { if let previous { uselocale(previous) } }
        guard let entry = archive_entry_new() else { throw failure }
        defer { archive_entry_free(entry) }
        Self.withText(path) { archive_entry_set_pathname(entry, $0) }
        archive_entry_set_mode(entry, mode_t(metadata.mode))
        archive_entry_set_uid(entry, Int64(metadata.owner))
        archive_entry_set_gid(entry, Int64(metadata.group))
        archive_entry_set_mtime(entry, Int(metadata.seconds), 0)
        if [S_IFCHR, S_IFBLK].contains(metadata.mode & S_IFMT) {
            archive_entry_set_rdev(entry, dev_t(metadata.device))
        }
        for (name, value) in metadata.attributes {
            Self.withText(name) { archive_entry_xattr_add_entry(entry, $0, value, value.count) }
        }
        describe(entry)
        // With a warning it writes what is not UTF-8 byte for byte, and says so in the header.
        guard [ARCHIVE_OK, ARCHIVE_WARN].contains(archive_write_header(archive, entry)) else { throw failure }
    }

    private var failure: EngineError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        return EngineError(.internal, "the layer cannot be written: \(reason)")
    }
}

extension LayerTarWriter {
    func beginFile(_ path: [UInt8], _ metadata: Metadata, size: Int) throws(EngineError) {
        try header(path, metadata) { archive_entry_set_size($0, Int64(size)) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
        guard archive_write_data(archive, bytes.baseAddress, bytes.count) == bytes.count else { throw failure }
    }

    func writeZeroes(_ count: Int) throws(EngineError) {
        let zeroes = [UInt8](repeating: 0, count: min(count, 1 << 16))
        var left = count
        while left > 0 {
            let size = min(left, zeroes.count)
            guard archive_write_data(archive, zeroes, size) == size else { throw failure }
            left -= size
        }
    }
}
