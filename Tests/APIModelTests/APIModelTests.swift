// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import Testing

@Suite("The API's wire forms")
struct APIModelTests {
    @Test("JSON keeps numbers, truth values and texts apart")
    func json() throws {
        let text = #"{"a":[1,2.5,true,null,"x"],"b":{"c":9007199254740993}}"#
        let value = try #require(JSONValue(parsing: Data(text.utf8)))
        #expect(value["a"] == [1, .number(2.5), true, nil, "x"])
        #expect(value["b"]["c"].integer == 9_007_199_254_740_993)
        #expect(value["missing"]["deeper"] == .null)
        #expect(JSONValue(parsing: Data(value.encoded())) == value)
        #expect(JSONValue(parsing: Data("{".utf8)) == nil)
    }

    @Test("JSON escapes what has to be escaped, and nothing else")
    func escapes() {
        let value: JSONValue = ["k\"": .string("a\n\r\t\u{1}\\/é\u{1F600}\""), "n": .number(.infinity)]
        #expect(JSONValue(parsing: Data(value.encoded()))?["k\""] == value["k\""])
        #expect(JSONValue.string("/\u{1}é").encoded() == Array(#""/\u0001é""#.utf8))
        #expect(value["n"].encoded() == Array("null".utf8))
        #expect(JSONValue.array([nil, true, -1, .number(0.5)]).encoded() == Array("[null,true,-1,0.5]".utf8))
    }

    @Test("frames survive being cut anywhere")
    func frames() {
        let wire =
            StreamFrame.encode(.output, Array("hello".utf8)) + StreamFrame.encode(.errors, [])
            + StreamFrame.encode(.errors, Array("bad".utf8))
        var decoder = StreamFrameDecoder()
        var found: [(UInt8, String)] = []
        for byte in wire {
            decoder.append([byte])
            while let piece = decoder.next() {
                found.append((piece.stream.rawValue, String(decoding: piece.bytes, as: UTF8.self)))
            }
        }
        #expect(found.map(\.0) == [1, 2, 2])
        #expect(found.map(\.1) == ["hello", "", "bad"])
    }

    @Test("signals by name and number", arguments: [("SIGTERM", 15), ("kill", 9), ("2", 2), ("SIGRTMAX", 64)])
    func signals(_ text: String, _ number: Int32) { #expect(SignalName.number(of: text) == number) }

    @Test("what is no signal", arguments: ["", "0", "65", "SIG", "nonsense", "-1"])
    func noSignals(_ text: String) { #expect(SignalName.number(of: text) == nil) }
}
