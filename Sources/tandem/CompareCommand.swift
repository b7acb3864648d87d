// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Benchmark
import Client
import FoundationEssentials
import Glibc
import Report

struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Run the same image as a container and as a VM, and show both side by side.",
        usage: "tandem compare [OPTIONS] [IMAGE [COMMAND] [ARG...]]",
        discussion: "Without an image, `echo ready` in the default image. Failed runs are reported and never counted.")

    @Option(name: [.customShort("n"), .long], help: "Counted runs of each kind.")
    var runs = 10

    @Option(help: "Runs of each kind before them, which are not counted.")
    var warmup = 1

    @Option(help: "Measurements of an idle workload of each kind.")
    var idle = 3

    @Option(help: "File for all raw samples; - is standard output, instead of the table.")
    var json: String?

    @Option(help: "File for a page with the same as drawings.")
    var html: String?

    @Argument(
        parsing: .captureForPassthrough, help: ArgumentHelp("Image, command and its arguments.", valueName: "image"))
    var imageAndCommand: [String] = []

    func validate() throws {
        guard runs > 0 else { throw ValidationError("-n has to be at least 1") }
        guard warmup >= 0, idle >= 0 else { throw ValidationError("--warmup and --idle cannot be negative") }
        if let first = imageAndCommand.first, first.hasPrefix("-") { throw ValidationError("unknown flag: \(first)") }
    }

    func run() async throws {
        for path in [json, html].compactMap({ $0 }) where path != "-" { try Self.checkWritable(path) }
        let client = try await Daemon.client()
        let settings = Comparison.Settings(
            image: imageAndCommand.first ?? "busybox",
            command: imageAndCommand.isEmpty ? ["echo", "ready"] : Array(imageAndCommand.dropFirst()), runs: runs,
            warmups: warmup, idleRuns: idle)
        let runner = ComparisonRunner(client: client, settings: settings)
        let measuring = Task { try await Self.measure(runner) }
        let watch = SignalWatch([SIGINT, SIGTERM]) { _ in measuring.cancel() }
        defer { withExtendedLifetime(watch) {} }
        let comparison: Comparison
        do {
            comparison = try await measuring.value
        } catch {
            await runner.cleanUp()
            throw error
        }
        await runner.cleanUp()
        guard !measuring.isCancelled else {
            throw CommandFailure(130, "the comparison was cut off; nothing of it is left")
        }
        try write(comparison)
        if comparison.runs.isEmpty { throw CommandFailure(1, "no run has succeeded", hint: "The reasons stand above.") }
    }

    private static func measure(_ runner: ComparisonRunner) async throws(ClientError) -> Comparison {
        let isTerminal = Output.isTerminal(STDERR_FILENO)
        defer { if isTerminal { Output.write("\r\u{1B}[K", to: STDERR_FILENO) } }
        return try await runner.run { progress in
            guard isTerminal else { return }
            let filled = progress.total > 0 ? progress.done * 20 / progress.total : 0
            let bar = String(repeating: "━", count: filled) + String(repeating: "┄", count: 20 - filled)
            Output.write("\r\(bar) \(progress.step)\u{1B}[K", to: STDERR_FILENO)
        }
    }

    private func write(_ comparison: Comparison) throws {
        if let json {
            let text = try JSONReport.text(comparison)
            if json == "-" { Output.write(text) } else { try Self.write(text, to: json) }
        }
        if let html { try Self.write(HTMLReport(comparison).text, to: html) }
        if json != "-" {
            Output.write(TextReport(comparison, usesColor: Output.isTerminal(STDOUT_FILENO)).text)
        }
    }

    /// Minutes of measuring must not be lost to a folder that is not there.
    private static func checkWritable(_ path: String) throws {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard access(folder, W_OK) == 0 else {
            throw CommandFailure(
                1, "'\(path)' cannot be written: \(String(cString: strerror(errno)))", hint: "Choose another file.")
        }
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(1, "'\(path)' cannot be written: \(error)")
        }
    }
}
