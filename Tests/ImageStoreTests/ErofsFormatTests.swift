// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ImageStore

@Suite("EROFS's format")
struct ErofsFormatTests {
    @Test("the checksum is CRC-32C as of RFC 3720, without its last step")
    func checksum() {
        #expect(~ErofsFormat.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(~ErofsFormat.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test("structures have the sizes that the kernel expects")
    func sizes() {
        let superblock = ErofsFormat.Superblock(
            uuid: [UInt8](repeating: 1, count: 16), inodes: 1, blocks: 1, hasChunks: false)
        #expect(superblock.encoded().count == 128)
        let inode = ErofsFormat.Inode(
            mode: 0o100_644, owner: 0, group: 0, seconds: -1, nanoseconds: 0, links: 0x0403_0201, attributes: [])
        #expect(inode.encoded().count == ErofsFormat.inodeSize)
        #expect(inode.encoded()[ErofsFormat.linksOffset..<(ErofsFormat.linksOffset + 4)] == [1, 2, 3, 4])
    }

    @Test("a folder's blocks begin with whole entries, and its size is known before")
    func folders() {
        let names = (0..<500).map { Array("name \($0 + 1_000)".utf8) }
        let content = ErofsFormat.encode(
            folder: names.map { ErofsFormat.FolderEntry(name: $0, number: 5, type: 0o100_000) })
        #expect(content.count == ErofsFormat.folderSize(of: names))
        for start in stride(from: 0, to: content.count, by: ErofsFormat.blockSize) {
            let offset = Int(content[start + 8]) | Int(content[start + 9]) << 8
            #expect(offset % 12 == 0 && offset > 0)
            #expect(content[(start + offset)...].starts(with: "name ".utf8))
        }
    }

    @Test("device numbers are those of the kernel")
    func devices() {
        #expect(ErofsFormat.device(major: 1, minor: 3) == 0x103)
        #expect(ErofsFormat.device(major: 8, minor: 0x111) == 0x0010_0811)
    }

    @Test("attributes that cannot be kept are noticed")
    func attributes() {
        #expect(ErofsFormat.encode(attributes: [:]) == [])
        #expect(ErofsFormat.encode(attributes: [Array("strange.name".utf8): []]) == nil)
        #expect(ErofsFormat.encode(attributes: [Array("user.a".utf8): [UInt8](repeating: 0, count: 70_000)]) == nil)
        #expect(ErofsFormat.encode(attributes: [Array("user.abc".utf8): [1, 2]])?.count == 12 + 12)
    }
}
