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
        discussion: "Without an image, `echo ready` in the default image. Failed runs are reported and never counted.",
        helpNames: .long)

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
        // What is passed on takes this word with it.
        guard imageAndCommand.first != "--help" else { throw CleanExit.helpRequest(self) }
        guard runs > 0 else { throw ValidationError("-n has to be at least 1") }
        guard warmup >= 0, idle >= 0 else { throw ValidationError("--warmup and --idle cannot be negative") }
        if let first = imageAndCommand.first, first.hasPrefix("-") { throw ValidationError("unknown flag: \(first)") }
    }

    func run() async throws {
        for path in [json, html].compactMap({ $0 }) { try OutputFile.checkWritable(path) }
        let client = try await Daemon.client()
        let settings = Comparison.Settings(
            image: imageAndCommand.first ?? "busybox",
            command: imageAndCommand.isEmpty ? ["echo", "ready"] : Array(imageAndCommand.dropFirst()), runs: runs,
            warmups: warmup, idleRuns: idle)
        let bar = ProgressBar()
        let (comparison, isInterrupted) = try await MeasuredRun.run(bar) { folder in
            try await ComparisonRunner(client: client, folder: folder, settings: settings).run { progress in
                bar.show(progress.step, part: progress.total > 0 ? Double(progress.done) / Double(progress.total) : 0)
            }
        }
        guard !isInterrupted else {
            throw CommandFailure(130, "the comparison was cut off; nothing of it is left")
        }
        try write(comparison)
        if comparison.runs.isEmpty { throw CommandFailure(1, "no run has succeeded", hint: "The reasons stand above.") }
    }

    private func write(_ comparison: Comparison) throws {
        if let json { try OutputFile.write(try JSONReport.text(comparison), to: json) }
        if let html { try OutputFile.write(HTMLReport(comparison).text, to: html) }
        if json != "-" {
            Output.write(TextReport(comparison, usesColor: Output.isTerminal(STDOUT_FILENO)).text)
        }
    }
}
