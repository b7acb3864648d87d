// SPDX-License-Identifier: Apache-2.0

import APIModel
import Testing

@Suite("Detach keys")
struct DetachKeysTests {
    @Test("are found wherever the stream is cut, and everything else is passed on")
    func sequence() {
        let text = Array("a".utf8) + [0x10] + Array("b".utf8) + [0x10, 0x10, 0x11] + Array("lost".utf8)
        for cut in 0...text.count {
            var keys = DetachKeys()
            var passed: [UInt8] = []
            var isDetaching = false
            for part in [text[..<cut], text[cut...]] where !isDetaching {
                let result = keys.filter(Array(part))
                passed += result.passed
                isDetaching = result.isDetaching
            }
            #expect(isDetaching)
            #expect(passed == Array("a".utf8) + [0x10] + Array("b".utf8) + [0x10])
        }
    }

    @Test("may be others")
    func custom() throws {
        var keys = try #require(DetachKeys("ctrl-a,d"))
        #expect(keys.filter([0x10, 0x11, 0x01]).passed == [0x10, 0x11])
        let result = keys.filter([0x64])
        #expect(result.isDetaching && result.passed.isEmpty)
        #expect(DetachKeys("ctrl-]") != nil && DetachKeys("ctrl-A") != nil)
        for text in ["", "ctrl-", "ctrl-1", "ab", "a,", "shift-a"] { #expect(DetachKeys(text) == nil) }
    }
}
