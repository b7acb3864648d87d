// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// Replaces variables and takes quotes away, as Docker does in instructions (frontend/dockerfile/shell).
public struct ShellLexer: Sendable {
    /// Gives the value of a variable; `nil` if it is not set.
    public typealias Variables = (String) -> String?

    private let escape: Character
    private let keepsQuotes: Bool
    private let keepsVariables: Bool

    /// `escape` is the character that takes the next one's meaning away.
    public init(escape: Character, keepsQuotes: Bool = false, keepsVariables: Bool = false) {
        self.escape = escape
        self.keepsQuotes = keepsQuotes
        self.keepsVariables = keepsVariables
    }

    /// A text with its variables replaced.
    public func expand(_ text: String, _ variables: @escaping Variables) throws(EngineError) -> String {
        var run = Run(text, self, variables)
        return try run.process(until: nil).joined
    }

    /// The words of a text with its variables replaced, which may give several words.
    public func words(_ text: String, _ variables: @escaping Variables) throws(EngineError) -> [String] {
        var run = Run(text, self, variables)
        return try run.process(until: nil).words
    }

    private struct Result {
        var joined = ""
        var words: [String] = []
        private var word: String?

        mutating func add(_ text: some StringProtocol) {
            joined += text
            word = (word ?? "") + text
        }

        /// White space outside of quotes.
        mutating func addSpace(_ character: Character) {
            joined.append(character)
            endWord()
        }

        /// The value of a variable outside of quotes.
        mutating func addValue(_ text: String) {
            for character in text {
                if character.isWhitespace { addSpace(character) } else { add(String(character)) }
            }
        }

        mutating func endWord() {
            if let word { words.append(word) }
            word = nil
        }
    }

    private struct Run {
        let characters: [Character]
        let lexer: ShellLexer
        let variables: Variables
        var index = 0
        var depth = 0

        init(_ text: String, _ lexer: ShellLexer, _ variables: @escaping Variables) {
            characters = Array(text)
            self.lexer = lexer
            self.variables = variables
        }

        var peek: Character? { index < characters.count ? characters[index] : nil }

        mutating func process(until stop: Character?) throws(EngineError) -> Result {
            var result = Result()
            while let character = peek {
                if character == stop { break }
                index += 1
                switch character {
                case "'": try singleQuoted(&result)
                case "\"": try doubleQuoted(&result)
                case "$" where !lexer.keepsVariables: result.addValue(try variable())
                case lexer.escape:
                    guard let next = peek else {
                        if lexer.keepsQuotes { result.add(String(character)) }
                        break
                    }
                    if lexer.keepsQuotes { result.add(String(character)) }
                    result.add(String(next))
                    index += 1
                default: if character.isWhitespace { result.addSpace(character) } else { result.add(String(character)) }
                }
            }
            result.endWord()
            return result
        }

        private mutating func singleQuoted(_ result: inout Result) throws(EngineError) {
            result.add(lexer.keepsQuotes ? "'" : "")
            while let character = peek {
                index += 1
                if character == "'" { return result.add(lexer.keepsQuotes ? "'" : "") }
                result.add(String(character))
            }
            throw EngineError(.invalidArgument, "unexpected end of statement while looking for matching single-quote")
        }

        private mutating func doubleQuoted(_ result: inout Result) throws(EngineError) {
            result.add(lexer.keepsQuotes ? "\"" : "")
            while let character = peek {
                index += 1
                switch character {
                case "\"": return result.add(lexer.keepsQuotes ? "\"" : "")
                case "$" where !lexer.keepsVariables: result.add(try variable())
                case lexer.escape:
                    guard let next = peek else { break }
                    // Only these three lose it.
                    if ["\"", "$", lexer.escape].contains(next) && !lexer.keepsQuotes {
                        result.add(String(next))
                    } else {
                        result.add(String(character) + String(next))
                    }
                    index += 1
                default: result.add(String(character))
                }
            }
            throw EngineError(.invalidArgument, "unexpected end of statement while looking for matching double-quote")
        }

        // MARK: Variables

        private mutating func variable() throws(EngineError) -> String {
            guard let next = peek else { return "$" }
            guard next == "{" else {
                let name = name()
                return name.isEmpty ? "$" : variables(name) ?? ""
            }
            index += 1
            guard peek != nil else {
                throw EngineError(.invalidArgument, "syntax error: missing '}'")
            }
            let name = name()
            guard !name.isEmpty else { throw EngineError(.invalidArgument, "syntax error: bad substitution") }
            guard let operation = peek else { throw EngineError(.invalidArgument, "syntax error: missing '}'") }
            index += 1
            switch operation {
            case "}": return variables(name) ?? ""
            case ":":
                guard let second = peek else { throw EngineError(.invalidArgument, "syntax error: missing modifier") }
                index += 1
                return try modified(name, by: second, countsEmpty: false)
            case "-", "+", "?": return try modified(name, by: operation, countsEmpty: true)
            case "#", "%": return try stripped(name, from: operation)
            case "/": return try replaced(name)
            default:
                throw EngineError(
                    .invalidArgument, "unsupported modifier (\(operation)) in substitution",
                    hint: "Use ${\(name):-word} or ${\(name):+word}.")
            }
        }

        /// The text up to the closing brace.
        private mutating func word() throws(EngineError) -> String {
            depth += 1
            defer { depth -= 1 }
            guard depth < 100 else { throw EngineError(.invalidArgument, "substitutions lie too deep in each other") }
            let text = try process(until: "}").joined
            guard peek == "}" else { throw EngineError(.invalidArgument, "syntax error: missing '}'") }
            index += 1
            return text
        }

        private mutating func modified(
            _ name: String, by operation: Character, countsEmpty: Bool
        ) throws(EngineError) -> String {
            guard ["-", "+", "?"].contains(operation) else {
                throw EngineError(
                    .invalidArgument, "unsupported modifier (\(operation)) in substitution",
                    hint: "Use ${\(name):-word} or ${\(name):+word}.")
            }
            let word = try word()
            let value = variables(name)
            let isSet = countsEmpty ? value != nil : !(value ?? "").isEmpty
            switch operation {
            case "-": return isSet ? value ?? "" : word
            case "+": return isSet ? word : ""
            default:
                guard isSet else {
                    let reason = word.isEmpty ? "is not allowed to be \(countsEmpty ? "unset" : "empty")" : word
                    throw EngineError(.invalidArgument, "\(name): \(reason)")
                }
                return value ?? ""
            }
        }

        /// `${name#pattern}` and `${name%pattern}`, the shortest or, doubled, the longest part.
        private mutating func stripped(_ name: String, from side: Character) throws(EngineError) -> String {
            let isLongest = peek == side
            if isLongest { index += 1 }
            let pattern = Array(try word())
            let value = Array(variables(name) ?? "")
            let lengths = isLongest ? Array((0...value.count).reversed()) : Array(0...value.count)
            for length in lengths {
                let part = side == "#" ? value.prefix(length) : value.suffix(length)
                guard Wildcards.match(Array(part), pattern) else { continue }
                return String(side == "#" ? value.dropFirst(length) : value.dropLast(length))
            }
            return String(value)
        }

        /// `${name/pattern/replacement}`, the first or, doubled, every part.
        private mutating func replaced(_ name: String) throws(EngineError) -> String {
            let isEvery = peek == "/"
            if isEvery { index += 1 }
            let pattern = Array(try process(until: "/").joined)
            guard peek == "/" else {
                throw EngineError(.invalidArgument, "syntax error: missing '/' in ${}")
            }
            index += 1
            let replacement = try word()
            let value = Array(variables(name) ?? "")
            guard !pattern.isEmpty else { return String(value) }
            var result = ""
            var position = 0
            var isDone = false
            while position < value.count {
                let rest = value[position...]
                let length =
                    isDone
                    ? nil : (1...rest.count).reversed().first { Wildcards.match(Array(rest.prefix($0)), pattern) }
                guard let length else {
                    result.append(value[position])
                    position += 1
                    continue
                }
                result += replacement
                position += length
                isDone = !isEvery
            }
            return result
        }

        private mutating func name() -> String {
            guard let first = peek else { return "" }
            if first.isASCII, first.isNumber || "@*#?-$!".contains(first) {
                index += 1
                return String(first)
            }
            var name = ""
            while let character = peek,
                character == "_" || (character.isASCII && (character.isLetter || character.isNumber))
            {
                name.append(character)
                index += 1
            }
            return name
        }
    }
}
