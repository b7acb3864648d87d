// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import TandemModel
import TestSupport
import Testing

@Suite("Variables and quotes")
struct ShellLexerTests {
    private static let variables = ["A": "one", "B": "two words", "EMPTY": "", "P": "a/b/c.tar.gz"]
    private let lexer = ShellLexer(escape: "\\")

    @Test(
        "are replaced as Docker does",
        arguments: [
            ("$A", "one"), ("${A}x", "onex"), ("$Ax", ""), ("\\$A", "$A"), ("'$A'", "$A"), ("\"$A\"", "one"),
            ("\"\\$A\"", "$A"), ("\"\\n\"", "\\n"), ("a\\nb", "anb"), ("$B", "two words"), ("${X:-d}", "d"),
            ("${EMPTY:-d}", "d"), ("${EMPTY-d}", ""), ("${A:+d}", "d"), ("${EMPTY:+d}", ""), ("${EMPTY+d}", "d"),
            ("${X+d}", ""), ("${X:-${A}}", "one"), ("${X:-\"a b\"}", "a b"), ("$", "$"), ("a$", "a$"), ("$/x", "$/x"),
            ("${P##*/}", "c.tar.gz"), ("${P#*/}", "b/c.tar.gz"), ("${P%.*}", "a/b/c.tar"), ("${P%%.*}", "a/b/c"),
            ("${P/a/x}", "x/b/c.tar.gz"), ("${P//a/x}", "x/b/c.txr.gz"), ("'it'\"s\"", "its"), ("end\\", "end"),
        ])
    func expand(_ text: String, _ expected: String) throws {
        #expect(try lexer.expand(text) { Self.variables[$0] } == expected)
    }

    @Test(
        "wrong ones are refused in Docker's words",
        arguments: [
            ("${A", "syntax error: missing '}'"), ("${}", "syntax error: bad substitution"),
            ("${A:x}", "unsupported modifier (x) in substitution"), ("${X:?gone}", "X: gone"),
            ("'a", "unexpected end of statement while looking for matching single-quote"),
            ("\"a", "unexpected end of statement while looking for matching double-quote"),
        ])
    func refuse(_ text: String, _ message: String) {
        #expect { try lexer.expand(text) { Self.variables[$0] } } throws: { ($0 as? EngineError)?.message == message }
    }

    @Test("a value may give several words")
    func words() throws {
        #expect(try lexer.words("80 $B \"$B\" ''", { Self.variables[$0] }) == ["80", "two", "words", "two words", ""])
    }

    @Test("any text gives a text or an error")
    func anything() {
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let bytes = fuzzing.mutated(Array("a ${A:-\"$B\"} '${x}' \\$ ${P##*/}${P//a/b} \"\\\"\"".utf8))
            let text = String(decoding: bytes, as: UTF8.self)
            let joined = try? lexer.expand(text) { Self.variables[$0] }
            let words = try? lexer.words(text) { Self.variables[$0] }
            #expect((joined == nil) == (words == nil), "seed \(fuzzing.seed)")
        }
    }
}
