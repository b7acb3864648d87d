// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Dockerfile
import Glibc
import ImageStore
import LinuxSystem
import OCI
import TandemModel

/// What a build tells its client.
public enum BuildMessage: Sendable {
    /// Text for the terminal.
    case text(String)
    /// How far something is that comes from another machine.
    case transfer(TransferMessage)
    /// The id of the image.
    case image(String)
}

/// The code with which a command of a build has ended.
public struct BuildCommandFailure: Error, Sendable {
    /// Not zero.
    public var code: Int32
}

/// Builds one image, as Docker's classic builder does (moby's builder/dockerfile).
///
/// Used by one task.
final class Builder {
    /// An image as far as a stage has come.
    struct Progress {
        /// `nil` is the empty image.
        var image: Image?
        var defaults = ImageConfiguration.Defaults()
        /// Whether the stage has said `CMD` itself.
        var hasCommand = false
        /// Whether a step was not found in the cache: then none of the following is looked for.
        var isCacheMissed = false
        var author = ""

        var shell: [String] { defaults.shell ?? ["/bin/sh", "-c"] }
    }

    let engine: Engine
    let request: BuildRequest
    let context: BuildContext
    let control: BuildControl
    let sendMessage: @Sendable (BuildMessage) async -> Void
    var arguments: BuildArguments
    var escape: Character = "\\"
    /// What each stage has made; `nil` is the empty image.
    var stages: [(name: String, image: Image?)] = []
    var progress = Progress()
    private var cacheSources: [Image]
    private var step = 0
    private var stepCount = 0
    /// Seconds since 1970 that replace all times, for builds that can be repeated.
    let epoch: Int64?

    init(
        engine: Engine, request: BuildRequest, context: BuildContext, control: BuildControl,
        send: @escaping @Sendable (BuildMessage) async -> Void
    ) throws(EngineError) {
        self.engine = engine
        self.request = request
        self.context = context
        self.control = control
        sendMessage = send
        arguments = BuildArguments(request.arguments)
        // Those that are not there say nothing.
        cacheSources = request.cacheSources.compactMap { try? engine.images.image($0) }
        let time = request.arguments["SOURCE_DATE_EPOCH"] ?? nil
        epoch = time.flatMap { Int64($0) }
        guard time == nil || (epoch ?? -1) >= 0 else {
            throw EngineError(
                .invalidArgument, "invalid SOURCE_DATE_EPOCH: \(time ?? "")",
                hint: "It is a number of seconds since 1970.")
        }
    }

    func say(_ text: String) async { await sendMessage(.text(text)) }

    /// Sends what a command writes.
    var sendOutput: @Sendable ([UInt8]) async -> Void {
        { [sendMessage] bytes in await sendMessage(.text(String(decoding: bytes, as: UTF8.self))) }
    }

    /// Builds up to the stage that is wanted.
    func build() async throws(EngineError) -> Image {
        var file = try Dockerfile(try await readDockerfile())
        escape = file.escape
        try check(file)
        var end = file.stages.count
        if !request.target.isEmpty {
            let wanted = request.target.lowercased()
            guard let index = file.stages.firstIndex(where: { $0.name == wanted }) ?? Int(wanted),
                file.stages.indices.contains(index)
            else {
                throw EngineError(
                    .invalidArgument, "failed to reach build target \(request.target) in Dockerfile",
                    hint: "Name a stage: FROM image AS \(request.target).")
            }
            end = index + 1
        }
        file.stages.removeSubrange(end...)
        if !request.labels.isEmpty {
            file.stages[end - 1].instructions.append(Instruction(labels: request.labels))
        }
        stepCount = file.arguments.count + file.stages.reduce(0) { $0 + 1 + $1.instructions.count }
        for (declaration, line) in file.arguments {
            let value = try declaration.value.map { (text) throws(EngineError) in
                try atLine(line) { () throws(EngineError) in try expandOnTop(text) }
            }
            await announce("ARG \(declaration.name)" + (declaration.value.map { "=\($0)" } ?? ""))
            arguments.declareOnTop(declaration.name, value)
        }
        for stage in file.stages { try await build(stage) }
        let unused = arguments.unused
        if !unused.isEmpty {
            await say("[Warning] One or more build-args [\(unused.joined(separator: " "))] were not consumed\n")
        }
        return try await finish()
    }

    private func finish() async throws(EngineError) -> Image {
        guard let image = progress.image else {
            throw EngineError(
                .invalidArgument, "No image was generated. Is your Dockerfile empty?",
                hint: "Copy or execute something after FROM scratch.")
        }
        try control.check()
        await sendMessage(.image(image.id))
        await say("Successfully built \(image.shortID)\n")
        for name in request.names {
            try await engine.tagImage(image.id, as: name.description)
            await say("Successfully tagged \(name.description)\n")
        }
        return image
    }

    /// What the parser leaves to the store, with the line that is wrong.
    private func check(_ file: Dockerfile) throws(EngineError) {
        for instruction in file.stages.flatMap(\.instructions) {
            switch instruction.action {
            case .healthCheck(let text):
                try atLine(instruction.line) { () throws(EngineError) in _ = try HealthInstruction.parse(text) }
            case .run(_, _, let flags):
                guard let flag = flags.first else { continue }
                throw EngineError(
                    .unsupported, "the --\(flag) option requires BuildKit",
                    hint: "Leave it out: this is the classic builder.")
            default: continue
            }
        }
    }

    func atLine<Value>(_ line: Int, _ body: () throws(EngineError) -> Value) throws(EngineError) -> Value {
        do throws(EngineError) {
            return try body()
        } catch {
            guard line > 0 else { throw error }
            throw EngineError(
                error.code, "dockerfile parse error line \(line): \(error.message)", hint: error.hint)
        }
    }

    // MARK: Stages

    private func announce(_ text: String) async {
        step += 1
        await say("Step \(step)/\(stepCount) : \(text)\n")
    }

    private func build(_ stage: Stage) async throws(EngineError) {
        try control.check()
        await announce(stage.text)
        arguments.beginStage()
        let name = try atLine(stage.line) { () throws(EngineError) in try expandOnTop(stage.base) }
        guard !name.isEmpty else {
            throw EngineError(.invalidArgument, "base name (\(stage.base)) should not be blank")
        }
        let platform = try atLine(stage.line) { () throws(EngineError) in try expandOnTop(stage.platform) }
        try await begin(name, platform: platform.isEmpty ? request.platform : platform)
        let index = stages.count
        stages.append((stage.name, progress.image))
        for instruction in stage.instructions {
            await announce(instruction.text)
            try await carryOut(instruction)
            stages[index].image = progress.image
        }
    }

    private func begin(_ name: String, platform: String) async throws(EngineError) {
        progress = Progress()
        let earlier = stages.last { $0.name == name.lowercased() && !name.isEmpty }
        if let earlier {
            progress.image = earlier.image
        } else if name != "scratch" {
            progress.image = try await baseImage(name, platform: platform)
        }
        progress.defaults = progress.image?.configuration.config ?? ImageConfiguration.Defaults()
        progress.author = progress.image?.configuration.author ?? ""
        if !(progress.defaults.environment ?? []).contains(where: { $0.hasPrefix("PATH=") }) {
            progress.defaults.environment =
                (progress.defaults.environment ?? []) + [
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                ]
        }
        await say(" ---> \(progress.image?.shortID ?? "")\n")
        let triggers = progress.defaults.onBuild ?? []
        progress.defaults.onBuild = nil
        guard !triggers.isEmpty else { return }
        await say("# Executing \(triggers.count) build trigger\(triggers.count == 1 ? "" : "s")\n")
        for trigger in triggers {
            for instruction in try Dockerfile.instructions(trigger) { try await carryOut(instruction) }
        }
    }

    // MARK: Variables

    func expandOnTop(_ text: String) throws(EngineError) -> String {
        try ShellLexer(escape: escape).expand(text) { [arguments] name in arguments.topValue(name) }
    }

    /// Variables of the image, and behind them arguments of the stage.
    var variables: (String) -> String? {
        let environment = progress.defaults.environment ?? []
        return { [arguments] name in
            if let entry = environment.last(where: { $0.hasPrefix(name + "=") }) {
                return String(entry.dropFirst(name.count + 1))
            }
            return arguments.value(name)
        }
    }

    func expand(_ text: String) throws(EngineError) -> String {
        do throws(EngineError) {
            return try ShellLexer(escape: escape).expand(text, variables)
        } catch {
            throw EngineError(error.code, "failed to process \"\(text)\": \(error.message)", hint: error.hint)
        }
    }

    // MARK: Steps

    /// When images and files are made.
    var time: Timestamp { epoch.map { Timestamp(nanoseconds: $0 * 1_000_000_000) } ?? HostTime.now }

    /// The step that the history will show as `createdBy`.
    func imageExtension(_ createdBy: String) -> ImageExtension {
        var step = ImageExtension(defaults: progress.defaults, createdBy: createdBy, created: time)
        step.author = progress.author
        return step
    }

    /// Takes a step from the cache.
    ///
    /// - Returns: Whether it was there.
    func takeFromCache(_ step: ImageExtension) async throws(EngineError) -> Bool {
        guard !request.ignoresCache, !progress.isCacheMissed, let hit = try await findCached(step) else {
            progress.isCacheMissed = true
            return false
        }
        await say(" ---> Using cache\n")
        await take(hit)
        return true
    }

    /// Goes on with an image.
    func take(_ image: Image) async {
        progress.image = image
        await say(" ---> \(image.shortID)\n")
    }

    /// As moby's image/cache: with sources, only what belongs to one of them counts.
    private func findCached(_ step: ImageExtension) async throws(EngineError) -> Image? {
        if let found = engine.images.cached(progress.image, by: step) {
            if request.cacheSources.isEmpty || cacheSources.contains(where: { descends($0, from: found) }) {
                return found
            }
        }
        for source in cacheSources {
            guard let image = try await engine.images.takeOver(step, on: progress.image, from: source) else { continue }
            // No jumping to another one.
            cacheSources = [source]
            return image
        }
        return nil
    }

    private func descends(_ image: Image, from ancestor: Image) -> Bool {
        var next: Image? = image
        while let present = next {
            if present.id == ancestor.id { return true }
            next = present.parent.flatMap { id in engine.images.images.first { $0.id == id } }
        }
        return false
    }

    // MARK: The context

    /// Calls a blocking body with the context's root.
    func withContext<Value: Sendable>(
        _ body: @escaping @Sendable (Int32) throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        try await BlockingQueue.run { [engine, context] () throws(EngineError) in
            try engine.withContext(context, body)
        }
    }

    private func readDockerfile() async throws(EngineError) -> String {
        let path = request.dockerfile
        return try await withContext { root throws(EngineError) in
            guard let content = ContextFile.read(path, in: root) else {
                throw EngineError(
                    .invalidArgument, "Cannot locate specified Dockerfile: \(path)",
                    hint: "It has to lie in the context; name another one with -f.")
            }
            guard !content.isEmpty else {
                throw EngineError(.invalidArgument, "the Dockerfile (\(path)) cannot be empty")
            }
            return String(decoding: content, as: UTF8.self)
        }
    }
}
