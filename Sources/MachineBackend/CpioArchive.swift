// SPDX-License-Identifier: Apache-2.0

/// Writes the archive format of an initial file system: cpio "newc", as the kernel's
/// `Documentation/driver-api/early-userspace/buffer-format.rst` describes it.
struct CpioArchive {
    private(set) var bytes: [UInt8] = []
    private var inode: UInt32 = 1

    /// Adds a folder.
    mutating func addFolder(_ name: String) { append(name, mode: 0o040755, links: 2, content: []) }

    /// Adds a regular file.
    mutating func addFile(_ name: String, mode: UInt32, content: [UInt8]) {
        append(name, mode: 0o100000 | mode, links: 1, content: content)
    }

    /// Adds a character device.
    mutating func addDevice(_ name: String, major: UInt32, minor: UInt32) {
        append(name, mode: 0o020600, links: 1, content: [], major: major, minor: minor)
    }

    /// Ends the archive.
    mutating func finish() {
        append("TRAILER!!!", mode: 0, links: 1, content: [])
        while bytes.count % 512 != 0 { bytes.append(0) }
    }

    private mutating func append(
        _ name: String, mode: UInt32, links: UInt32, content: [UInt8], major: UInt32 = 0, minor: UInt32 = 0
    ) {
        let fields: [UInt32] = [
            inode, mode, 0, 0, links, 0, UInt32(content.count), 0, 0, major, minor, UInt32(name.utf8.count + 1), 0,
        ]
        inode += 1
        bytes += Array("070701".utf8)
        for field in fields { bytes += Self.hexadecimal(field) }
        bytes += Array(name.utf8)
        bytes.append(0)
        pad()
        bytes += content
        pad()
    }

    private mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    private static func hexadecimal(_ value: UInt32) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<8).map { digits[Int(value >> UInt32(28 - 4 * $0) & 15)] }
    }
}
