// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TandemModel

/// How instructions divide their text.
enum Words {
    /// Parts between white space.
    static func split(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// A JSON list of strings; `nil` for anything else, which is a line for the shell.
    ///
    /// - Throws: For a list with other things than strings.
    static func list(_ text: String) throws(EngineError) -> [String]? {
        guard text.hasPrefix("[") else { return nil }
        let content = Data(text.utf8)
        // What is no JSON is the other form.
        if let list = try? JSONDecoder().decode([String].self, from: content) { return list }
        guard (try? JSONDecoder().decode([Anything].self, from: content)) != nil else { return nil }
        throw EngineError(
            .invalidArgument, "when using JSON array syntax, arrays must be comprised of strings only")
    }

    private struct Anything: Decodable {
        init(from decoder: any Decoder) {}
    }

    /// Words that keep their quotes, inside of which white space divides nothing.
    static func quoted(_ text: String, escape: Character) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        var mayBeEmpty = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if let open = quote {
                word.append(character)
                if character == open { quote = nil } else if character == escape && open != "'" { isEscaped = true }
            } else if character.isWhitespace {
                if mayBeEmpty || !word.isEmpty { words.append(word) }
                (word, mayBeEmpty) = ("", false)
            } else {
                if character == "'" || character == "\"" { (quote, mayBeEmpty) = (character, true) }
                if character == escape { isEscaped = true }
                word.append(character)
            }
        }
        // An escape at the very end means nothing.
        if isEscaped { word.removeLast() }
        if mayBeEmpty || !word.isEmpty { words.append(word) }
        return words
    }

    /// `NAME=value …`, or the older `NAME value`.
    static func pairs(_ text: String, of instruction: String, escape: Character) throws(EngineError) -> [Pair] {
        let words = quoted(text, escape: escape)
        guard let first = words.first else { return [] }
        guard first.contains("=") else {
            let name = text.prefix { !$0.isWhitespace }
            let value = text.dropFirst(name.count).drop(while: \.isWhitespace)
            guard !value.isEmpty else {
                throw EngineError(.invalidArgument, "\(instruction) must have two arguments")
            }
            return [Pair(name: String(name), value: String(value))]
        }
        var pairs: [Pair] = []
        for word in words {
            guard let equals = word.firstIndex(of: "=") else {
                throw EngineError(
                    .invalidArgument,
                    "Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            pairs.append(Pair(name: String(word[..<equals]), value: String(word[word.index(after: equals)...])))
        }
        return pairs
    }
}
