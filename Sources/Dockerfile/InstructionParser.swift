// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Reads one instruction, with the checks and words of BuildKit's instructions package.
struct InstructionParser {
    /// In capital letters.
    let name: String
    private let line: LogicalLine
    private let escape: Character
    private var flags: InstructionFlags
    /// What follows the name and the flags.
    private let rest: String

    init(_ line: LogicalLine, escape: Character) {
        self.line = line
        self.escape = escape
        let word = line.text.prefix { !$0.isWhitespace }
        name = word.uppercased()
        var rest = String(line.text.dropFirst(word.count)).trimmed
        // What these take is theirs.
        if name == "HEALTHCHECK" || name == "ONBUILD" {
            var none = ""
            flags = InstructionFlags(&none, escape: escape)
        } else {
            flags = InstructionFlags(&rest, escape: escape)
        }
        self.rest = rest
    }

    private func failure(_ message: String) -> EngineError { EngineError(.invalidArgument, message) }

    // MARK: FROM

    mutating func stage() throws(EngineError) -> Stage {
        try flags.read(["platform"])
        let words = Words.split(rest)
        var stage = Stage(
            name: "", base: words.first ?? "", platform: flags.values["platform"] ?? "", text: line.text,
            line: line.number)
        if words.count == 3, words[1].lowercased() == "as" {
            stage.name = words[2].lowercased()
            guard Self.isStageName(stage.name) else {
                throw failure(
                    "invalid name for build stage: \"\(words[2])\", name can't start with a number or contain symbols")
            }
        } else if words.count != 1 {
            throw failure("FROM requires either one or three arguments")
        }
        return stage
    }

    private static func isStageName(_ name: String) -> Bool {
        guard let first = name.utf8.first, (0x61...0x7A).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x5F, 0x2E].contains($0)
        }
    }

    // MARK: Others

    mutating func instruction() throws(EngineError) -> Instruction {
        Instruction(action: try action(), text: line.text, line: line.number)
    }

    private mutating func action() throws(EngineError) -> Instruction.Action {
        switch name {
        case "ADD", "COPY": return .copy(try copy())
        case "RUN":
            try flags.read(["mount", "network", "security", "device"], onlyValues: false)
            return .run(try command(), line.documents, flags: flags.names)
        default: break
        }
        try flags.read([])
        switch name {
        case "CMD": return .command(try command())
        case "ENTRYPOINT": return .entrypoint(try command())
        case "ENV": return .environment(try pairs())
        case "LABEL": return .label(try pairs())
        case "MAINTAINER": return .maintainer(try single())
        case "EXPOSE":
            let ports = Words.split(rest)
            guard !ports.isEmpty else { throw failure("EXPOSE requires at least one argument") }
            return .expose(ports)
        case "VOLUME": return .volume(try volumes())
        case "USER": return .user(try single())
        case "WORKDIR": return .workingDirectory(try single())
        case "ARG": return .argument(try arguments())
        case "ONBUILD": return .onBuild(try trigger())
        case "STOPSIGNAL": return .stopSignal(try single())
        case "HEALTHCHECK":
            guard !rest.isEmpty else { throw failure("HEALTHCHECK requires at least one argument") }
            return .healthCheck(rest)
        case "SHELL": return .shell(try shell())
        default: throw failure("unknown instruction: \(name)")
        }
    }

    /// Exactly one argument: the whole text.
    private func single() throws(EngineError) -> String {
        guard !rest.isEmpty else { throw failure("\(name) requires exactly one argument") }
        return rest
    }

    private func command() throws(EngineError) -> CommandLine {
        if let list = try Words.list(rest) { return CommandLine(arguments: list, isShell: false) }
        return CommandLine(arguments: rest.isEmpty ? [] : [rest], isShell: !rest.isEmpty)
    }

    private func pairs() throws(EngineError) -> [Pair] {
        let pairs = try Words.pairs(rest, of: name, escape: escape)
        guard !pairs.isEmpty else { throw failure("\(name) requires at least one argument") }
        guard pairs.allSatisfy({ !$0.name.isEmpty }) else { throw failure("\(name) names can not be blank") }
        return pairs
    }

    private func volumes() throws(EngineError) -> [String] {
        let volumes = try Words.list(rest) ?? Words.split(rest)
        guard !volumes.isEmpty else { throw failure("VOLUME requires at least one argument") }
        guard volumes.allSatisfy({ !$0.trimmed.isEmpty }) else {
            throw failure("VOLUME specified can not be an empty string")
        }
        return volumes.map(\.trimmed)
    }

    private func arguments() throws(EngineError) -> [ArgumentDeclaration] {
        let words = Words.quoted(rest, escape: escape)
        guard !words.isEmpty else { throw failure("ARG requires at least one argument") }
        var declarations: [ArgumentDeclaration] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty else { throw failure("ARG names can not be blank") }
            declarations.append(ArgumentDeclaration(name: parts[0], value: parts.count > 1 ? parts[1] : nil))
        }
        return declarations
    }

    private func trigger() throws(EngineError) -> String {
        guard !rest.isEmpty else { throw failure("ONBUILD requires at least one argument") }
        switch rest.prefix(while: { !$0.isWhitespace }).uppercased() {
        case "ONBUILD": throw failure("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        case "MAINTAINER": throw failure("MAINTAINER isn't allowed as an ONBUILD trigger")
        case "FROM": throw failure("FROM isn't allowed as an ONBUILD trigger")
        default: return ([rest] + line.documents.map { $0.content + $0.name }).joined(separator: "\n")
        }
    }

    private func shell() throws(EngineError) -> [String] {
        guard let list = try Words.list(rest) else { throw failure("SHELL requires the arguments to be in JSON form") }
        guard !list.isEmpty else { throw failure("SHELL requires at least one argument") }
        return list
    }

    private mutating func copy() throws(EngineError) -> CopyInstruction {
        try flags.read(name == "ADD" ? ["chown", "chmod", "checksum"] : ["chown", "chmod", "from"])
        let words = try Words.list(rest) ?? Words.split(rest)
        guard !words.isEmpty else { throw failure("\(name) requires at least two arguments") }
        guard words.count > 1, let target = words.last else {
            throw failure(
                "\(name) requires at least two arguments, but only one was provided. Destination could not be determined"
            )
        }
        let sources = words.dropLast().filter { word in
            line.documents.isEmpty || !word.contains("<<")
        }
        return CopyInstruction(
            isAdd: name == "ADD", sources: Array(sources), documents: line.documents, target: target,
            from: flags.values["from"] ?? "", owner: flags.values["chown"] ?? "", mode: flags.values["chmod"] ?? "",
            checksum: flags.values["checksum"] ?? "")
    }
}
