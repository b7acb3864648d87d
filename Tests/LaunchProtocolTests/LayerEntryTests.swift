// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import Testing

@Suite("Members of a writable layer")
struct LayerEntryTests {
    @Test("a list is read as it was written, and one that is cut short is refused")
    func coding() throws {
        var first = LayerEntry(path: Bytes("a/\u{FF}".utf8), mode: 0o040_755)
        first.isOpaque = true
        first.redirect = Bytes("/b".utf8)
        first.seconds = -5
        first.inode = .max
        var second = LayerEntry(path: [0xFF], mode: 0o100_644)
        second.capability = [1, 0, 2]
        second.size = 1 << 40
        let bytes = first.encoded() + second.encoded()
        #expect(try LayerEntry.list(decoding: bytes) == [first, second])
        for length in [1, first.encoded().count - 1, bytes.count - 1] {
            #expect(throws: DecodingFailure.self) { try LayerEntry.list(decoding: Bytes(bytes[..<length])) }
        }
    }
}
