// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import ImageStore
import OCI
import TandemModel

/// What instructions do (moby's builder/dockerfile/dispatchers.go).
extension Builder {
    func carryOut(_ instruction: Instruction) async throws(EngineError) {
        try control.check()
        switch instruction.action {
        case .run(let command, let documents, _): try await run(command, documents)
        case .copy(let copy): try await self.copy(copy)
        case .workingDirectory(let path): try await enter(path)
        case .argument(let declarations): try await declare(declarations)
        default:
            var defaults = progress.defaults
            let remark = try defaults.apply(instruction.action, shell: progress.shell) {
                (text) throws(EngineError) in try expand(text)
            }
            progress.defaults = defaults
            switch instruction.action {
            case .command(let command): if !command.arguments.isEmpty { progress.hasCommand = true }
            // A new entry point takes the command of the image below away.
            case .entrypoint: if !progress.hasCommand { progress.defaults.command = nil }
            case .maintainer(let name): progress.author = name
            default: break
            }
            try await note(" " + remark)
        }
    }

    /// A step that writes no files.
    private func note(_ remark: String) async throws(EngineError) {
        let step = imageExtension(createdBy(remark))
        if try await takeFromCache(step) { return }
        await take(try await engine.images.extend(progress.image, by: step))
    }

    /// As the history shows what is not executed.
    func createdBy(_ remark: String) -> String {
        (progress.shell + ["#(nop)", remark]).joined(separator: " ")
    }

    private func declare(_ declarations: [ArgumentDeclaration]) async throws(EngineError) {
        var texts: [String] = []
        for declaration in declarations {
            let name = try expand(declaration.name)
            let value = try declaration.value.map { (text) throws(EngineError) in try expand(text) }
            arguments.declare(name, value)
            texts.append(name + (value.map { "=\($0)" } ?? ""))
        }
        try await note(" ARG " + texts.joined(separator: " "))
    }

    // MARK: RUN

    private func run(_ command: CommandLine, _ documents: [HereDocument]) async throws(EngineError) {
        guard let parent = progress.image else {
            throw EngineError(
                .invalidArgument, "nothing can be executed in an empty image",
                hint: "Copy something into it first, or begin with another image.")
        }
        let line = try words(of: command, documents)
        let environment = progress.defaults.environment ?? []
        let declared = arguments.environment(besides: environment, all: false)
        let shown = declared.isEmpty ? line : ["|\(declared.count)"] + declared + line
        let step = imageExtension(shown.joined(separator: " "))
        if try await takeFromCache(step) { return }
        var spec = try request.specification(parent, line)
        spec.process.arguments = line
        spec.entrypointCount = 0
        spec.process.environment = environment + arguments.environment(besides: environment, all: true)
        spec.process.user = progress.defaults.user ?? ""
        spec.process.workingDirectory = progress.defaults.workingDirectory.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
        let id = try await engine.createBuildStep(spec)
        await say(" ---> Running in \(id.short)\n")
        let result = try await engine.runBuildStep(
            id, as: step, on: parent, latestTime: epoch, request, control: control, output: sendOutput)
        if result.isRemoved { await say(" ---> Removed intermediate container \(id.short)\n") }
        guard let image = result.image else {
            throw EngineError(
                .invalidArgument,
                "The command '\(line.joined(separator: " "))' returned a non-zero code: \(result.code)",
                cause: BuildCommandFailure(code: result.code))
        }
        await take(image)
    }

    /// A here document is the shell's own, or, alone, the whole script.
    private func words(of command: CommandLine, _ documents: [HereDocument]) throws(EngineError) -> [String] {
        guard command.isShell, let text = command.arguments.first, let first = documents.first else {
            return command.resolved(shell: progress.shell)
        }
        let isAlone = documents.count == 1 && !text.contains(where: \.isWhitespace) && text.hasPrefix("<<")
        guard isAlone else {
            return progress.shell + [documents.reduce(text) { $0 + "\n\($1.content)\($1.name)" } + "\n"]
        }
        guard first.content.hasPrefix("#!") else { return progress.shell + [first.content] }
        // The interpreter of its first line reads the script by way of a shell's here document.
        let interpreter = first.content.prefix { $0 != "\n" }.dropFirst(2)
        return progress.shell + ["\(interpreter) /dev/fd/3 3<<'\(first.name)'\n\(first.content)\(first.name)\n"]
    }
}
