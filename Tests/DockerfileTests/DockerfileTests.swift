// SPDX-License-Identifier: Apache-2.0

import TandemModel
import TestSupport
import Testing

@testable import Dockerfile

@Suite("Dockerfiles")
struct DockerfileTests {
    /// The only stage's instructions.
    private func read(_ text: String) throws -> [Instruction.Action] {
        try #require(try Dockerfile("FROM x\n" + text).stages.first).instructions.map(\.action)
    }

    private func message(_ text: String) -> String {
        do {
            _ = try Dockerfile(text)
            return "no error"
        } catch {
            return error.message
        }
    }

    @Test("lines are put together, and comments and empty lines in between go")
    func continuation() throws {
        let file = try Dockerfile(
            "\u{FEFF}# a comment\n\nFROM busybox\nRUN a \\\n  # inside\n\n  b \\  \n c\nRUN echo \\\\\nRUN last \\")
        let stage = try #require(file.stages.first)
        #expect(stage.instructions.map(\.line) == [4, 9, 10])
        #expect(stage.instructions.map(\.text) == ["RUN a   b  c", "RUN echo \\\\", "RUN last"])
    }

    @Test("directives stand at the top")
    func directives() throws {
        let file = try Dockerfile("# syntax = docker/dockerfile:1\n# escape=`\nFROM x\nRUN a `\nb\nRUN dir c:\\\n")
        #expect(file.escape == "`" && file.syntax == "docker/dockerfile:1")
        #expect(file.stages[0].instructions.map(\.text) == ["RUN a b", "RUN dir c:\\"])
        #expect(try Dockerfile("# other\n# escape=`\nFROM x").escape == "\\")
        #expect(message("# escape=x\nFROM x") == "dockerfile parse error line 1: invalid ESCAPE 'x'. Must be ` or \\")
        #expect(
            message("# escape=`\n# escape=`\nFROM x")
                == "dockerfile parse error line 2: only one escape parser directive can be used")
    }

    @Test("commands are lists or lines for the shell")
    func commands() throws {
        let shell = CommandLine(arguments: ["echo  \"a b\" $X"], isShell: true)
        #expect(try read("RUN echo  \"a b\" $X") == [.run(shell, [], flags: [])])
        #expect(
            try read("CMD [\"a\", \"b c\"]\nENTRYPOINT [\"x\"\nSHELL [\"sh\",\"-c\"]") == [
                .command(CommandLine(arguments: ["a", "b c"], isShell: false)),
                .entrypoint(CommandLine(arguments: ["[\"x\""], isShell: true)), .shell(["sh", "-c"]),
            ])
        #expect(shell.resolved(shell: ["/bin/sh", "-c"]) == ["/bin/sh", "-c", "echo  \"a b\" $X"])
    }

    @Test("names and values come in two forms")
    func pairs() throws {
        #expect(try read("ENV A b  c ") == [.environment([Pair(name: "A", value: "b  c")])])
        #expect(
            try read("LABEL a=b \"c d\"=\"e f\" g=h\\ i j=''") == [
                .label([
                    Pair(name: "a", value: "b"), Pair(name: "\"c d\"", value: "\"e f\""),
                    Pair(name: "g", value: "h\\ i"), Pair(name: "j", value: "''"),
                ])
            ])
        #expect(
            try read("ARG a b=c") == [
                .argument([
                    ArgumentDeclaration(name: "a", value: nil), ArgumentDeclaration(name: "b", value: "c"),
                ])
            ])
    }

    @Test("copies have flags and several sources")
    func copies() throws {
        var copy = CopyInstruction(isAdd: false, sources: ["a", "b"], documents: [], target: "/c/")
        copy.from = "build"
        copy.owner = "1:2"
        copy.mode = "755"
        #expect(try read("COPY --from=build --chown=1:2 --chmod=755 a b /c/") == [.copy(copy)])
        #expect(
            try read("ADD [\"a b\", \"/c\"]") == [
                .copy(CopyInstruction(isAdd: true, sources: ["a b"], documents: [], target: "/c"))
            ])
    }

    @Test("here documents follow their instruction")
    func documents() throws {
        let text = "RUN <<EOF cat <<-'END'\na $b\nEOF\n\tc\n\tEND\nCOPY <<one <<two x /d/\n1\none\n2\ntwo\nCMD z"
        let actions = try read(text)
        #expect(
            actions[0]
                == .run(
                    CommandLine(arguments: ["<<EOF cat <<-'END'"], isShell: true),
                    [
                        HereDocument(name: "EOF", content: "a $b\n", expands: true),
                        HereDocument(name: "END", content: "c\n", expands: false),
                    ], flags: []))
        guard case .copy(let copy) = actions[1] else { throw EngineError(.internal, "no copy") }
        #expect(copy.sources == ["x"] && copy.documents.map(\.content) == ["1\n", "2\n"])
        #expect(actions.count == 3)
        #expect(message("FROM x\n\nRUN <<A\nb") == "dockerfile parse error line 3: unterminated heredoc")
    }

    @Test("stages have names and platforms")
    func stages() throws {
        let file = try Dockerfile(
            "ARG V=1\nFROM --platform=linux/amd64 a:$V AS Build\nRUN x\nFROM build\nONBUILD RUN y z")
        #expect(file.arguments.map(\.0) == [ArgumentDeclaration(name: "V", value: "1")])
        #expect(file.stages.map(\.name) == ["build", ""] && file.stages.map(\.base) == ["a:$V", "build"])
        #expect(file.stages[0].platform == "linux/amd64")
        #expect(file.stages[1].instructions.map(\.action) == [.onBuild("RUN y z")])
        #expect(try Dockerfile.instructions("RUN y z").map(\.name) == ["RUN"])
    }

    @Test(
        "errors are Docker's, with the line",
        arguments: [
            ("FROM x\nFOO bar", "dockerfile parse error line 2: unknown instruction: FOO"),
            ("RUN x", "dockerfile parse error line 1: no build stage in current context"),
            ("", "file with no instructions"), ("# nothing", "file with no instructions"),
            ("ARG a", "No build stage in current context"),
            ("FROM", "dockerfile parse error line 1: FROM requires either one or three arguments"),
            ("FROM a AS", "dockerfile parse error line 1: FROM requires either one or three arguments"),
            (
                "FROM a AS 1x",
                "dockerfile parse error line 1: invalid name for build stage: \"1x\", name can't start with a number or contain symbols"
            ),
            ("FROM x\nENV a", "dockerfile parse error line 2: ENV must have two arguments"),
            (
                "FROM x\nENV a=b c",
                "dockerfile parse error line 2: Syntax error - can't find = in \"c\". Must be of the form: name=value"
            ),
            ("FROM x\nENV", "dockerfile parse error line 2: ENV requires at least one argument"),
            ("FROM x\nWORKDIR", "dockerfile parse error line 2: WORKDIR requires exactly one argument"),
            (
                "FROM x\nCOPY a",
                "dockerfile parse error line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined"
            ),
            ("FROM x\nCOPY --foo=1 a b", "dockerfile parse error line 2: unknown flag: --foo"),
            ("FROM x\nCOPY --from a b", "dockerfile parse error line 2: missing a value on flag: --from"),
            (
                "FROM x\nCMD [1]",
                "dockerfile parse error line 2: when using JSON array syntax, arrays must be comprised of strings only"
            ),
            ("FROM x\nSHELL sh", "dockerfile parse error line 2: SHELL requires the arguments to be in JSON form"),
            (
                "FROM x\nONBUILD ONBUILD RUN x",
                "dockerfile parse error line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
            ),
            ("FROM x\nONBUILD FROM y", "dockerfile parse error line 2: FROM isn't allowed as an ONBUILD trigger"),
        ])
    func errors(_ text: String, _ expected: String) { #expect(message(text) == expected) }

    @Test("any text is read or refused")
    func anything() {
        let sample = """
            # escape=\\
            ARG a=1
            FROM --platform=$X a:${a:-2} AS b
            RUN <<EOF "x" && \\
              # c
              y
            z
            EOF
            ENV a="b c" d='e' f=g\\ h
            COPY --from=b --chown=a ["x", "y"] /z
            HEALTHCHECK --interval=1s CMD x
            """
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let text = String(decoding: fuzzing.mutated(Array(sample.utf8)), as: UTF8.self)
            guard let file = try? Dockerfile(text) else { continue }
            let count = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.count
            for instruction in file.stages.flatMap(\.instructions) {
                #expect((1...count).contains(instruction.line), "seed \(fuzzing.seed)")
            }
        }
    }
}
