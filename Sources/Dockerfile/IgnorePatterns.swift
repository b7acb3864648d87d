// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// The patterns of a `.dockerignore`, with the rules of moby's patternmatcher: the last one that fits decides, and what
/// fits a folder fits everything in it.
public struct IgnorePatterns: Sendable {
    private struct Pattern: Sendable {
        var parts: [[Token]]
        var isException: Bool
    }

    private enum Token: Sendable, Equatable {
        case character(Character)
        case anyCharacter
        case anyText
        /// Ranges, and whether they are those that do not fit.
        case oneOf([ClosedRange<Character>], isNegated: Bool)
        /// Any number of folders, also none.
        case anyFolders
    }

    private var patterns: [Pattern] = []

    /// Whether some pattern lets in again what an earlier one has left out: then a folder that is left out has to be looked
    /// into.
    public var hasExceptions: Bool { patterns.contains(where: \.isException) }

    /// Reads a file: one pattern on a line, `#` begins a comment.
    ///
    /// - Throws: `.invalidArgument` for a pattern that means nothing.
    public init(_ text: String) throws(EngineError) {
        let plain = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
        for line in plain.split(omittingEmptySubsequences: true, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            guard !line.hasPrefix("#") else { continue }
            var pattern = String(line).trimmed
            guard !pattern.isEmpty else { continue }
            let isException = pattern.hasPrefix("!")
            if isException { pattern = String(pattern.dropFirst()).trimmed }
            guard !pattern.isEmpty else {
                throw EngineError(.invalidArgument, "illegal exclusion pattern: \"!\"")
            }
            let cleaned = Self.clean(pattern)
            guard !cleaned.isEmpty else { continue }
            var parts: [[Token]] = []
            for part in cleaned {
                // Before other characters it spans folders, too; several in a row say what one does.
                if part.hasPrefix("**") && part != "**" { parts.append([.anyFolders]) }
                parts.append(try Self.tokens(part, of: pattern))
                if parts.count > 1, parts.suffix(2).allSatisfy({ $0 == [.anyFolders] }) { parts.removeLast() }
            }
            patterns.append(Pattern(parts: parts, isException: isException))
        }
    }

    /// Whether a path is left out; its parts are separated by slashes, and none stands before it.
    public func ignores(_ path: String) -> Bool {
        let parts = path.split(separator: "/").map(Array.init)
        var isIgnored = false
        for pattern in patterns where pattern.isException == isIgnored {
            let fits = (1...max(1, parts.count)).contains { count in
                count <= parts.count && Self.match(parts.prefix(count), pattern.parts[...])
            }
            if fits { isIgnored = !pattern.isException }
        }
        return isIgnored
    }

    /// Go's `filepath.Clean`, as parts, without a slash before them.
    private static func clean(_ path: String) -> [String] {
        var parts: [String] = []
        for part in path.split(separator: "/").map(String.init) where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !path.hasPrefix("/") {
                parts.append(part)
            }
        }
        return parts
    }

    private static func tokens(_ part: String, of pattern: String) throws(EngineError) -> [Token] {
        if part == "**" { return [.anyFolders] }
        let bad = EngineError(
            .invalidArgument, "error checking context: syntax error in pattern",
            hint: "Look at '\(pattern)' in .dockerignore.")
        var tokens: [Token] = []
        var rest = part[...]
        while let character = rest.popFirst() {
            switch character {
            case "*":
                // `**` beside other characters spans folders only as a part of its own.
                while rest.first == "*" { rest.removeFirst() }
                tokens.append(.anyText)
            case "?": tokens.append(.anyCharacter)
            case "\\":
                guard let next = rest.popFirst() else { throw bad }
                tokens.append(.character(next))
            case "[":
                let isNegated = rest.first == "^"
                if isNegated { rest.removeFirst() }
                var ranges: [ClosedRange<Character>] = []
                while let first = rest.popFirst(), first != "]" || ranges.isEmpty {
                    guard first != "]" else { throw bad }
                    var low = first
                    if low == "\\" {
                        guard let next = rest.popFirst() else { throw bad }
                        low = next
                    }
                    var high = low
                    if rest.first == "-" {
                        rest.removeFirst()
                        guard let end = rest.popFirst(), end != "]", end >= low else { throw bad }
                        high = end
                    }
                    ranges.append(low...high)
                    guard !rest.isEmpty else { throw bad }
                }
                guard !ranges.isEmpty else { throw bad }
                tokens.append(.oneOf(ranges, isNegated: isNegated))
            default: tokens.append(.character(character))
            }
        }
        return tokens
    }

    private static func match(_ path: ArraySlice<[Character]>, _ pattern: ArraySlice<[Token]>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        if first == [.anyFolders] {
            // At the end it stands for at least one part.
            let rest = pattern.dropFirst()
            if rest.isEmpty { return !path.isEmpty }
            return (0...path.count).contains { match(path.dropFirst($0), rest) }
        }
        guard let part = path.first, match(part[...], first[...]) else { return false }
        return match(path.dropFirst(), pattern.dropFirst())
    }

    private static func match(_ text: ArraySlice<Character>, _ tokens: ArraySlice<Token>) -> Bool {
        Wildcards.match(text, tokens, isAny: { $0 == .anyText }, fits: fits)
    }

    private static func fits(_ character: Character, _ token: Token) -> Bool {
        switch token {
        case .character(let wanted): character == wanted
        case .anyCharacter: true
        case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
        case .anyText, .anyFolders: false
        }
    }
}
