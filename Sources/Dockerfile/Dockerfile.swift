// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// A Dockerfile, read as Docker's classic builder does (BuildKit's frontend/dockerfile/parser and instructions).
public struct Dockerfile: Sendable, Hashable {
    /// `ARG` before the first `FROM`.
    public var arguments: [(ArgumentDeclaration, line: Int)] { argumentList.map { ($0.declaration, $0.line) } }
    /// The stages.
    public var stages: [Stage] = []
    /// `\`, or the character that the directive `escape` names.
    public var escape: Character = "\\"
    /// The directive `syntax`; empty if there is none.
    public var syntax = ""

    private struct TopArgument: Sendable, Hashable {
        var declaration: ArgumentDeclaration
        var line: Int
    }

    private var argumentList: [TopArgument] = []

    /// Reads a whole file.
    ///
    /// - Throws: `.invalidArgument` in Docker's words, with the number of the line.
    public init(_ text: String) throws(EngineError) {
        var lines = LogicalLines(text)
        var hasLines = false
        while let line = try lines.next() {
            hasLines = true
            do throws(EngineError) {
                try add(line, escape: lines.escape)
            } catch {
                throw Self.error(error, line: line.number)
            }
        }
        escape = lines.escape
        syntax = lines.syntax
        guard hasLines else { throw EngineError(.invalidArgument, "file with no instructions") }
        guard !stages.isEmpty else { throw EngineError(.invalidArgument, "No build stage in current context") }
    }

    private mutating func add(_ line: LogicalLine, escape: Character) throws(EngineError) {
        var parser = InstructionParser(line, escape: escape)
        if parser.name == "FROM" { return stages.append(try parser.stage()) }
        let instruction = try parser.instruction()
        if stages.isEmpty {
            guard case .argument(let declarations) = instruction.action else {
                throw EngineError(
                    .invalidArgument, "no build stage in current context", hint: "Begin the Dockerfile with FROM.")
            }
            argumentList += declarations.map { TopArgument(declaration: $0, line: line.number) }
            return
        }
        stages[stages.count - 1].instructions.append(instruction)
    }

    static func error(_ error: EngineError, line: Int) -> EngineError {
        EngineError(.invalidArgument, "dockerfile parse error line \(line): \(error.message)", hint: error.hint)
    }

    /// Reads single instructions, as those of `ONBUILD` and of `docker commit --change`.
    ///
    /// - Throws: `.invalidArgument` in Docker's words.
    public static func instructions(_ text: String) throws(EngineError) -> [Instruction] {
        var lines = LogicalLines(text)
        var instructions: [Instruction] = []
        while let line = try lines.next() {
            var parser = InstructionParser(line, escape: lines.escape)
            guard parser.name != "FROM" else {
                throw EngineError(.invalidArgument, "FROM is not a valid change command")
            }
            instructions.append(try parser.instruction())
        }
        return instructions
    }
}
