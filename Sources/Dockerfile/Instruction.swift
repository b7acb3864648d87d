// SPDX-License-Identifier: Apache-2.0

/// One instruction of a Dockerfile.
public struct Instruction: Sendable, Hashable {
    /// What it says.
    public var action: Action
    /// Its text on one line, without comments; here documents are left out.
    public var text: String
    /// The line on which it begins, from 1.
    public var line: Int

    /// What instructions say.
    public enum Action: Sendable, Hashable {
        /// `RUN`.
        case run(CommandLine, [HereDocument], flags: [String])
        /// `CMD`.
        case command(CommandLine)
        /// `ENTRYPOINT`.
        case entrypoint(CommandLine)
        /// `LABEL`.
        case label([Pair])
        /// `ENV`.
        case environment([Pair])
        /// `MAINTAINER`.
        case maintainer(String)
        /// `EXPOSE`.
        case expose([String])
        /// `ADD`, and `COPY`.
        case copy(CopyInstruction)
        /// `VOLUME`.
        case volume([String])
        /// `USER`.
        case user(String)
        /// `WORKDIR`.
        case workingDirectory(String)
        /// `ARG`: names, and default values where there are any.
        case argument([ArgumentDeclaration])
        /// `ONBUILD`: the instruction's text.
        case onBuild(String)
        /// `STOPSIGNAL`.
        case stopSignal(String)
        /// `HEALTHCHECK`: everything after the word.
        case healthCheck(String)
        /// `SHELL`.
        case shell([String])
    }

    /// The instruction's name, in capital letters.
    public var name: String { String(text.prefix { !$0.isWhitespace }).uppercased() }
}

extension Instruction {
    /// Labels that do not stand in the file.
    public init(labels: [String: String]) {
        let pairs = labels.sorted { $0.key < $1.key }.map {
            Pair(name: Self.quoted($0.key), value: Self.quoted($0.value))
        }
        self.init(
            action: .label(pairs), text: "LABEL " + pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " "),
            line: 0)
    }

    /// A text that stands for itself, also where it has quotes or variables.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text {
            if ["\"", "\\", "$"].contains(character) { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "\""
    }
}

/// A command, as a list of arguments or as a line for the shell.
public struct CommandLine: Sendable, Hashable {
    /// The arguments; a single one for the shell.
    public var arguments: [String]
    /// Whether a shell reads it.
    public var isShell: Bool

    /// The arguments with the shell before them if one is needed.
    public func resolved(shell: [String]) -> [String] { isShell ? shell + arguments : arguments }
}

/// A name with a value.
public struct Pair: Sendable, Hashable {
    /// The name, as it stands there.
    public var name: String
    /// The value, as it stands there.
    public var value: String
}

/// An argument of a build.
public struct ArgumentDeclaration: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its default value.
    public var value: String?
}

/// Lines that belong to an instruction.
public struct HereDocument: Sendable, Hashable {
    /// The word that ends it.
    public var name: String
    /// The lines, each with its end.
    public var content: String
    /// Whether variables in it are replaced: its word has no quotes.
    public var expands: Bool
}

/// What `ADD` and `COPY` have in common.
public struct CopyInstruction: Sendable, Hashable {
    /// Whether it is `ADD`: archives are unpacked and URLs fetched.
    public var isAdd: Bool
    /// Sources without the here documents.
    public var sources: [String]
    /// Files whose content stands in the Dockerfile.
    public var documents: [HereDocument]
    /// The place in the image.
    public var target: String
    /// `--from`.
    public var from = ""
    /// `--chown`.
    public var owner = ""
    /// `--chmod`.
    public var mode = ""
    /// `--checksum`.
    public var checksum = ""
}

/// One `FROM` and what follows it.
public struct Stage: Sendable, Hashable {
    /// What it is called, in small letters; empty if it has no name.
    public var name: String
    /// The image or stage that it begins with, as it stands there.
    public var base: String
    /// `--platform`, as it stands there.
    public var platform: String
    /// The text of `FROM`.
    public var text: String
    /// The line of `FROM`.
    public var line: Int
    /// What follows.
    public var instructions: [Instruction] = []
}
