// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import OCI
public import TandemModel

extension ImageConfiguration.Defaults {
    /// Applies one instruction of `docker commit --change`: one that dockerd takes there.
    public mutating func commit(change: String) throws(EngineError) {
        guard change.prefix(while: { !$0.isWhitespace }).uppercased() != "SHELL" else {
            throw EngineError(.invalidArgument, "SHELL is not a valid change command", hint: "Build an image instead.")
        }
        try apply(change: change)
    }

    /// Applies one instruction of `--change`, in a Dockerfile's words: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK,
    /// LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR.
    mutating func apply(change: String) throws(EngineError) {
        let parts = change.split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw EngineError(
                .invalidArgument, "the change '\(change)' is no instruction", hint: "For example: CMD [\"sh\"].")
        }
        let value = parts[1].trimmingPrefix(while: \.isWhitespace)
        switch parts[0].uppercased() {
        case "CMD": command = Self.words(String(value))
        case "ENTRYPOINT": entrypoint = Self.words(String(value))
        case "ENV":
            for (name, value) in try Self.pairs(value, change) {
                environment = (environment ?? []).filter { !$0.hasPrefix("\(name)=") } + ["\(name)=\(value)"]
            }
        case "LABEL":
            for (name, value) in try Self.pairs(value, change) {
                labels = (labels ?? [:]).merging([name: value]) { $1 }
            }
        case "EXPOSE":
            for word in value.split(whereSeparator: \.isWhitespace) {
                let port = word.contains("/") ? String(word) : "\(word)/tcp"
                exposedPorts = (exposedPorts ?? [:]).merging([port: EmptyObject()]) { $1 }
            }
        case "HEALTHCHECK": healthCheck = try HealthInstruction.parse(String(value))
        case "SHELL": shell = Self.list(String(value))
        case "VOLUME":
            for path in Self.list(String(value)) ?? value.split(separator: " ").map(String.init) {
                volumes = (volumes ?? [:]).merging([path: EmptyObject()]) { $1 }
            }
        case "ONBUILD": onBuild = (onBuild ?? []) + [String(value)]
        case "STOPSIGNAL": stopSignal = String(value)
        case "USER": user = String(value)
        case "WORKDIR": workingDirectory = String(value)
        default:
            throw EngineError(
                .invalidArgument, "\(parts[0].uppercased()) is not a valid change command",
                hint:
                    "Use CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR."
            )
        }
    }

    /// A JSON list, or a line for the shell.
    private static func words(_ text: String) -> [String] { list(text) ?? ["/bin/sh", "-c", text] }

    static func list(_ text: String) -> [String]? {
        // What is no JSON list is the other form.
        text.hasPrefix("[") ? try? JSONDecoder().decode([String].self, from: Data(text.utf8)) : nil
    }

    /// `NAME=value …`, or the older `NAME value` of one.
    private static func pairs(
        _ text: some StringProtocol, _ change: String
    ) throws(EngineError) -> [(name: String, value: String)] {
        let first = text.prefix { !$0.isWhitespace }
        guard first.contains("=") else {
            let value = text.dropFirst(first.count).drop(while: \.isWhitespace)
            guard !value.isEmpty else {
                throw EngineError(.invalidArgument, "the change '\(change)' has a name but no value")
            }
            return [(String(first), String(value))]
        }
        var pairs: [(String, String)] = []
        for word in unquotedWords(text) {
            guard let cut = word.firstIndex(of: "="), cut != word.startIndex else {
                throw EngineError(
                    .invalidArgument, "Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            pairs.append((String(word[..<cut]), String(word[word.index(after: cut)...])))
        }
        return pairs
    }

    /// Words as a Dockerfile has them: quotes and backslashes keep white space together, and go.
    private static func unquotedWords(_ text: some StringProtocol) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
                word = word ?? ""
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if quote == nil, character.isWhitespace {
                words += word.map { [$0] } ?? []
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        return words + (word.map { [$0] } ?? [])
    }
}
