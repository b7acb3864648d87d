// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Flags between an instruction's name and its arguments.
struct InstructionFlags {
    private(set) var values: [String: String] = [:]
    /// In the order in which they stand there.
    private(set) var names: [String] = []

    /// Takes the flags off a text.
    init(_ text: inout String, escape: Character) {
        var rest = text[...].drop(while: \.isWhitespace)
        while rest.hasPrefix("--") {
            var flag = ""
            var quote: Character?
            while let character = rest.first {
                if quote == nil && character.isWhitespace { break }
                rest.removeFirst()
                if character == quote {
                    quote = nil
                } else if quote == nil && (character == "\"" || character == "'") {
                    quote = character
                } else if character == escape, let next = rest.first {
                    flag.append(next)
                    rest.removeFirst()
                } else {
                    flag.append(character)
                }
            }
            rest = rest.drop(while: \.isWhitespace)
            if flag == "--" { break }
            raw.append(flag)
        }
        text = String(rest)
    }

    private var raw: [String] = []

    /// Reads the flags that an instruction knows.
    ///
    /// - Throws: `.invalidArgument` in Docker's words.
    mutating func read(_ known: [String], onlyValues: Bool = true) throws(EngineError) {
        for flag in raw {
            let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard known.contains(name) else { throw EngineError(.invalidArgument, "unknown flag: --\(name)") }
            guard parts.count == 2 || !onlyValues else {
                throw EngineError(.invalidArgument, "missing a value on flag: --\(name)")
            }
            guard values[name] == nil || !onlyValues else {
                throw EngineError(.invalidArgument, "duplicate flag specified: --\(name)")
            }
            values[name] = parts.count == 2 ? String(parts[1]) : "true"
            names.append(name)
        }
    }
}
