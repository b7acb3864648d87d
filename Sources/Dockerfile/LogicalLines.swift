// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// One instruction as it stands in the file, put together from its lines.
struct LogicalLine {
    /// Without comments and the ends of lines.
    var text: String
    /// The number of its first line, from 1.
    var number: Int
    /// Here documents that follow it.
    var documents: [HereDocument] = []
}

/// Puts the lines of a Dockerfile together, and reads its directives.
struct LogicalLines {
    private(set) var escape: Character = "\\"
    private(set) var syntax = ""

    private let lines: [Substring]
    private var index = 0
    private var mayBeDirective = true
    private var seen: Set<String> = []

    init(_ text: String) {
        let plain = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
        var lines = plain.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        if lines.last?.isEmpty == true { lines.removeLast() }
        self.lines = lines
    }

    /// The next instruction; `nil` at the end.
    mutating func next() throws(EngineError) -> LogicalLine? {
        while index < lines.count {
            let number = index + 1
            let first = lines[index].drop(while: \.isWhitespace)
            index += 1
            if try readDirective(first, line: number) { continue }
            guard !first.hasPrefix("#") else { continue }
            var (text, isContinued) = cut(first)
            if !isContinued && text.isEmpty { continue }
            while isContinued, index < lines.count {
                let line = lines[index]
                index += 1
                let content = line.drop(while: \.isWhitespace)
                guard !content.hasPrefix("#"), !content.isEmpty else { continue }
                let (more, goesOn) = cut(line)
                text += more
                isContinued = goesOn
            }
            guard text.contains(where: { !$0.isWhitespace }) else { continue }
            var line = LogicalLine(text: text.trimmed, number: number)
            if Self.takesDocuments(line.text) { line.documents = try documents(of: line) }
            return line
        }
        return nil
    }

    // MARK: Continuation

    /// A line without the character that continues it, which a character that escapes it does not.
    private func cut(_ line: Substring) -> (text: String, isContinued: Bool) {
        var end = line.endIndex
        while end > line.startIndex, line[line.index(before: end)].isBlank { end = line.index(before: end) }
        guard end > line.startIndex else { return (String(line), false) }
        let last = line.index(before: end)
        guard line[last] == escape else { return (String(line), false) }
        guard last > line.startIndex else { return ("", true) }
        guard line[line.index(before: last)] != escape else { return (String(line), false) }
        return (String(line[..<last]), true)
    }

    // MARK: Directives

    /// - Returns: Whether the line is a directive.
    private mutating func readDirective(_ line: Substring, line number: Int) throws(EngineError) -> Bool {
        guard mayBeDirective else { return false }
        guard line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else {
            mayBeDirective = false
            return false
        }
        let name = String(line[line.index(after: line.startIndex)..<equals]).trimmed.lowercased()
        let value = String(line[line.index(after: equals)...]).trimmed
        guard ["escape", "syntax", "check"].contains(name), !value.isEmpty else {
            mayBeDirective = false
            return false
        }
        guard seen.insert(name).inserted else {
            throw EngineError(
                .invalidArgument,
                "dockerfile parse error line \(number): only one \(name) parser directive can be used")
        }
        switch name {
        case "escape":
            guard value == "\\" || value == "`" else {
                throw EngineError(
                    .invalidArgument,
                    "dockerfile parse error line \(number): invalid ESCAPE '\(value)'. Must be ` or \\")
            }
            escape = value == "`" ? "`" : "\\"
        case "syntax": syntax = value
        default: break
        }
        return true
    }

    // MARK: Here documents

    private static func takesDocuments(_ text: String) -> Bool {
        guard text.contains("<<") else { return false }
        var name = text.prefix { !$0.isWhitespace }.uppercased()
        if name == "ONBUILD" {
            name = text.dropFirst(name.count).drop(while: \.isWhitespace).prefix { !$0.isWhitespace }.uppercased()
        }
        return ["ADD", "COPY", "RUN"].contains(name)
    }

    private mutating func documents(of line: LogicalLine) throws(EngineError) -> [HereDocument] {
        // As a JSON list it is no line for a shell.
        let lexer = ShellLexer(escape: "\\", keepsQuotes: true, keepsVariables: true)
        guard let words = try? lexer.words(line.text, { _ in nil }) else { return [] }
        var documents: [HereDocument] = []
        for word in words {
            guard var document = HereDocument.Opening(word) else { continue }
            var isEnded = false
            while index < lines.count, !isEnded {
                var content = lines[index]
                index += 1
                if document.stripsTabs { content = content.drop { $0 == "\t" } }
                if content == document.document.name {
                    isEnded = true
                } else {
                    document.document.content += content + "\n"
                }
            }
            guard isEnded else {
                throw EngineError(
                    .invalidArgument, "dockerfile parse error line \(line.number): unterminated heredoc",
                    hint: "End it by a line that is just \(document.document.name).")
            }
            documents.append(document.document)
        }
        return documents
    }
}

extension HereDocument {
    /// A document and whether tabs before its lines go.
    struct Opening {
        var document: HereDocument
        var stripsTabs: Bool
    }

    /// A word such as `<<EOF`, `<<-EOF` or `3<<"EOF"`.
    init?(word: String, stripsTabs: inout Bool) {
        var rest = word.drop { $0.isASCII && $0.isNumber }
        guard rest.hasPrefix("<<") else { return nil }
        rest = rest.dropFirst(2)
        stripsTabs = rest.hasPrefix("-")
        if stripsTabs { rest = rest.dropFirst() }
        guard !rest.isEmpty, !rest.contains("<") else { return nil }
        let plain = ShellLexer(escape: "\\", keepsVariables: true)
        guard let name = try? plain.words(String(rest), { _ in nil }), name.count == 1, let first = name.first,
            !first.isEmpty
        else { return nil }
        self.init(name: first, content: "", expands: first == String(rest))
    }
}

extension HereDocument.Opening {
    fileprivate init?(_ word: String) {
        var stripsTabs = false
        guard let document = HereDocument(word: word, stripsTabs: &stripsTabs) else { return nil }
        self.init(document: document, stripsTabs: stripsTabs)
    }
}

extension Character {
    /// A space or a tab.
    var isBlank: Bool { self == " " || self == "\t" }
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = self[...].drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
