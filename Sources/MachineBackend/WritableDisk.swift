// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// The writable layer of a VM: a file with an ext4 file system, sparse or as clusters of qcow2.
struct WritableDisk {
    /// The file.
    let file: FilePath
    /// The most that it can hold; the file only takes what has been written.
    var size: UInt64 = Self.standardSize

    /// How the disk lies in the file.
    var format = StorageFormat.raw

    /// The size where the user names none.
    static let standardSize: UInt64 = 16 << 30
    /// Less does not hold the file system itself.
    static let leastSize: UInt64 = 16 << 20

    /// Makes the disk unless it is there.
    ///
    /// Blocks.
    ///
    /// A `discardable` disk goes with its workload: it needs no journal.
    func make(skeleton: FilePath, discardable: Bool) throws(EngineError) {
        guard access(file.string, F_OK) != 0 else { return }
        // overlayfs wants its two folders; mkfs puts them there, so that the guest need not.
        for name in ["upper", "work"] {
            do {
                try FileManager.default.createDirectory(
                    atPath: skeleton.appending(name).string, withIntermediateDirectories: true)
            } catch {
                throw EngineError(.internal, "the folder '\(skeleton)' cannot be made", cause: error)
            }
        }
        let partial = file.string + ".new"
        let descriptor = tandem_openat(AT_FDCWD, partial, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0 else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw EngineError(
                errno == ENOSPC ? .resourceExhausted : .internal,
                "the writable disk '\(file)' cannot be made: \(reason)")
        }
        close(descriptor)
        do throws(EngineError) {
            try SystemProgram(path: "/sbin/mkfs.ext4", arguments: arguments(partial, skeleton, discardable)).run()
            if format == .qcow2 { try convert(partial) }
        } catch {
            unlink(partial)
            throw error
        }
        guard rename(partial, file.string) == 0 else {
            throw EngineError(.internal, "the writable disk '\(file)' cannot be moved into place")
        }
    }

    private static let converter = "/usr/bin/qemu-img"

    /// Whether other formats than raw can be made.
    static var canConvert: Bool { access(converter, X_OK) == 0 }

    private func convert(_ partial: String) throws(EngineError) {
        let converted = partial + ".qcow2"
        do throws(EngineError) {
            try SystemProgram(
                path: Self.converter, arguments: ["convert", "-f", "raw", "-O", "qcow2", partial, converted]
            ).run()
        } catch {
            unlink(converted)
            throw error
        }
        guard rename(converted, partial) == 0 else {
            throw EngineError(.internal, "the writable disk '\(file)' cannot be moved into place")
        }
    }

    private func arguments(_ partial: String, _ skeleton: FilePath, _ discardable: Bool) -> [String] {
        // The file is new and sparse: it reads as zeroes, so nothing has to be zeroed now or in the guest. No blocks
        // are held back for root: the disk is the workload's alone.
        var list = ["-q", "-F", "-m", "0", "-E", "assume_storage_prezeroed=1,nodiscard", "-d", skeleton.string]
        if discardable { list += ["-O", "^has_journal"] }
        return list + [partial]
    }
}
