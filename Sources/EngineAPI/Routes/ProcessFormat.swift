// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import TandemModel

/// Arguments of ps(1) as `top` takes them, and the table that they ask for.
///
/// Docker runs the host's ps. A guest has none, and not every host has: the usual options are understood here instead, the
/// same for both kinds. Which processes are shown is decided already, so options that select some mean nothing.
struct ProcessFormat: Sendable {
    private enum Style { case standard, full, extraFull, long, jobs, user, bsd, bsdLong, bsdJobs }

    private var columns: [ProcessColumn] = []

    /// - Throws: `.invalidArgument` in Docker's words where the table has no PID, or for an option that is not understood.
    init(arguments: String) throws(EngineError) {
        var style = Style.standard
        var words = arguments.split(whereSeparator: \.isWhitespace).map(String.init)[...]
        while let word = words.popFirst() {
            if word == "--format" || word.hasPrefix("--format=") {
                let list = word.contains("=") ? String(word.dropFirst("--format=".count)) : words.popFirst()
                try add(list)
            } else if word.hasPrefix("--") {
                guard ["--deselect", "--width", "--cols", "--columns"].contains(word) else {
                    throw Self.refused("unknown gnu long option")
                }
            } else {
                try read(word, &words, &style)
            }
        }
        if columns.isEmpty { columns = Self.names(of: style).compactMap(Self.column) }
        guard titles.contains("PID") else {
            throw EngineError(
                .invalidArgument, "Couldn't find PID field in ps output", hint: "Add pid to the columns.")
        }
    }

    /// One word of single letters, behind a dash or in BSD's way.
    private mutating func read(_ word: String, _ words: inout ArraySlice<String>, _ style: inout Style)
        throws(EngineError)
    {
        let hasDash = word.hasPrefix("-")
        var letters = hasDash ? word.dropFirst() : word[...]
        // As ps takes `-aux`, which means nothing in the words of UNIX.
        let isUnix = hasDash && !letters.prefix { $0 != "o" }.contains("x")
        guard !letters.isEmpty else { throw Self.refused("garbage option") }
        while let letter = letters.popFirst() {
            switch (letter, isUnix) {
            case ("o", _):
                try add(letters.isEmpty ? words.popFirst() : String(letters))
                return
            // Selection and width.
            case ("e", true), ("A", true), ("a", _), ("d", true), ("x", false), ("w", _), ("N", true): break
            case ("f", true): style = style == .long ? .long : .full
            case ("F", true): style = .extraFull
            case ("l", true): style = .long
            case ("j", true): style = .jobs
            case ("u", false): style = .user
            case ("l", false): style = .bsdLong
            case ("j", false): style = .bsdJobs
            default:
                throw Self.refused(
                    "unsupported option \(isUnix ? "-" : "")\(letter)")
            }
            if !isUnix && style == .standard { style = .bsd }
        }
    }

    /// `pid,user=WHO,args`.
    private mutating func add(_ list: String?) throws(EngineError) {
        guard let list, !list.isEmpty else { throw Self.refused("format specification must follow -o") }
        var rest = list[...]
        while !rest.isEmpty {
            // A title takes the rest of the word, commas included.
            let end = rest.firstIndex { $0 == "," || $0 == "=" } ?? rest.endIndex
            let name = rest[..<end].prefix { $0 != ":" }
            guard let column = ProcessColumn.named(String(name)) else {
                throw Self.refused("unknown user-defined format specifier \"\(name)\"")
            }
            if end < rest.endIndex, rest[end] == "=" {
                columns.append(column.titled(String(rest[rest.index(after: end)...])))
                return
            }
            columns.append(column)
            rest = end < rest.endIndex ? rest[rest.index(after: end)...] : ""
        }
    }

    private static func names(of style: Style) -> [String] {
        let text =
            switch style {
            case .standard: "pid tty time comm=CMD"
            case .full: "user=UID pid ppid c stime tty time args=CMD"
            case .extraFull: "user=UID pid ppid c sz rss psr stime tty time args=CMD"
            case .long: "f s uid pid ppid c opri ni addr sz wchan tty time comm=CMD"
            case .jobs: "pid pgid sid tty time comm=CMD"
            case .user: "user pid pcpu pmem vsz rss tty stat bsdstart bsdtime args"
            case .bsd: "pid tty stat bsdtime args"
            case .bsdLong: "f uid pid ppid priority ni vsz rss wchan stat tty bsdtime args"
            case .bsdJobs: "ppid pid pgid sid tty tpgid stat uid bsdtime args"
            }
        return text.split(separator: " ").map(String.init)
    }

    private static func column(_ text: String) -> ProcessColumn? {
        let parts = text.split(separator: "=").map(String.init)
        return ProcessColumn.named(parts[0]).map { parts.count > 1 ? $0.titled(parts[1]) : $0 }
    }

    private static func refused(
        _ reason: String, hint: String = "Use -ef, -eF, -el, aux or -eo with a list of columns."
    ) -> EngineError {
        EngineError(.invalidArgument, "ps: error: \(reason)", hint: hint)
    }

    // MARK: The table

    /// The titles of the columns, taken apart at blanks as Docker does.
    var titles: [String] {
        columns.flatMap { $0.title.split(separator: " ").map(String.init) }
    }

    /// A row for each process, taken apart as Docker takes the lines of ps apart: at blanks, what is over in the last column.
    func rows(of table: ProcessTable) -> [[String]] {
        let count = max(1, titles.count)
        return table.rows.compactMap { ProcessDetails($0, in: table) }.map { details in
            let words = columns.flatMap { $0.value(details).split(separator: " ").map(String.init) }
            guard words.count >= count else { return words }
            return words.prefix(count - 1) + [words.dropFirst(count - 1).joined(separator: " ")]
        }
    }
}
