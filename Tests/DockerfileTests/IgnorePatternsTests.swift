// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import TandemModel
import TestSupport
import Testing

@Suite("Patterns of .dockerignore")
struct IgnorePatternsTests {
    @Test(
        "leave out what moby leaves out",
        arguments: [
            ("a", "a", true), ("a", "a/b", true), ("a", "b/a", false), ("/a", "a", true), ("a/", "a/x", true),
            ("*.go", "x.go", true), ("*.go", "d/x.go", false), ("**/*.go", "d/e/x.go", true), ("**/*.go", "x.go", true),
            ("**.go", "d/x.go", true), ("d/**", "d/x", true), ("d/**", "d", false), ("**", "x", true),
            ("d/*/x", "d/e/x", true),
            ("d/*/x", "d/x", false), ("d/**/x", "d/x", true), ("?.c", "a.c", true), ("[a-c].c", "b.c", true),
            ("[^a-c].c", "b.c", false), ("a\\*", "a*", true), ("a\\*", "ab", false), ("x/../a", "a", true),
            ("*\n!a", "a", false), ("*\n!a", "b", true), ("!a\n*", "a", true), ("*\n!d/e", "d/e/f", false),
            ("d\n!d/e\nd/e/f", "d/e/f", true), ("# c\n\n  a  ", "a", true), (".", "a", false), ("a**", "a/b", true),
            ("(a)", "(a)", true), ("a.b", "axb", false),
        ])
    func ignores(_ patterns: String, _ path: String, _ expected: Bool) throws {
        #expect(try IgnorePatterns(patterns).ignores(path) == expected)
    }

    @Test("wrong ones are refused", arguments: ["!", "[", "a\\", "[b-a]", "[]"])
    func refuse(_ pattern: String) { #expect(throws: EngineError.self) { try IgnorePatterns(pattern) } }

    @Test("any pattern is taken or refused")
    func anything() {
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let bytes = fuzzing.mutated(Array("a/**/b\n!c*[x-z]?\n**/d\\*\n".utf8))
            guard let patterns = try? IgnorePatterns(String(decoding: bytes, as: UTF8.self)) else { continue }
            let path = "a/x/b/cyz/d"
            // A folder that is left out takes everything in it along, unless something is let in again.
            if !patterns.hasExceptions, patterns.ignores("a/x") {
                #expect(patterns.ignores(path), "seed \(fuzzing.seed)")
            }
        }
    }
}
