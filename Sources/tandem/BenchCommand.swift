// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Benchmark
import Client
import FoundationEssentials
import Glibc
import Report

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure processes, containers and VMs with suites of benchmarks.",
        subcommands: [
            BenchListCommand.self, BenchRunCommand.self, BenchShowCommand.self, BenchReportCommand.self,
            BenchCompareCommand.self,
        ])
}

struct BenchListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the suites that come along.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let suites = try SuiteFolder.all()
        if json {
            let rows = suites.map { entry -> JSONValue in
                [
                    "name": .string(entry.name), "title": .string(entry.suite.title), "file": .string(entry.path),
                    "subjects": .strings(entry.suite.subjects), "cases": .strings(entry.suite.cases.map(\.name)),
                ]
            }
            return Output.line(String(decoding: JSONValue.array(rows).encoded(pretty: true), as: UTF8.self))
        }
        Output.table(
            ["SUITE", "CASES", "SUBJECTS", "TITLE"],
            suites.map {
                [$0.name, String($0.suite.cases.count), $0.suite.subjects.joined(separator: ","), $0.suite.title]
            })
    }
}

struct BenchRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Measure one or more suites.",
        discussion: """
            A suite is one of `tandem bench list` or a YAML file. Subjects are process, container, vm, and \
            NAME=unix:///path for another Docker endpoint; vm-kvm and vm-tcg are VMs by that accelerator. What was measured is kept after each case; Ctrl-C keeps it, and \
            --resume goes on.
            """)

    @Option(help: "Subjects, separated by commas; the first is what the others are compared with.")
    var subjects: String?

    @Option(name: [.customShort("n"), .long], help: "Counted runs of each case, instead of the suite's own numbers.")
    var runs: Int?

    @Option(help: "Seconds that a case may go on for, instead of the suite's own.")
    var budget: Double?

    @Option(help: "Only these cases, separated by commas.")
    var cases: String?

    @Option(
        name: .customLong("parameter"),
        help: "Only these values of a parameter, as network=none,bridge; also ones that the suite does not have.")
    var parameters: [String] = []

    @Flag(help: "A rehearsal: every case, as short as it can be.")
    var quick = false

    @Option(help: "From what the order of the runs is drawn.")
    var seed: UInt64?

    @Option(name: .shortAndLong, help: "File for the result; by default one below ~/.local/state/tandem/bench.")
    var output: String?

    @Option(help: "Go on with a result that is not complete.")
    var resume: String?

    @Argument(help: ArgumentHelp("Suites.", valueName: "suite"))
    var suites: [String] = []

    func validate() throws {
        if suites.isEmpty && resume == nil { throw ValidationError("name a suite, or a result to --resume") }
        if !suites.isEmpty && resume != nil { throw ValidationError("--resume takes its suite from the result") }
        let others: [(String, Bool)] = [
            ("--subjects", subjects != nil), ("-n", runs != nil), ("--budget", budget != nil),
            ("--cases", cases != nil), ("--parameter", !parameters.isEmpty), ("--quick", quick),
            ("--seed", seed != nil), ("--output", output != nil),
        ]
        if resume != nil, let other = others.first(where: { $0.1 }) {
            throw ValidationError("--resume goes on as the result says: leave out \(other.0)")
        }
        if suites.count > 1 && output != nil { throw ValidationError("--output takes the result of one suite only") }
        if let runs, runs < 1 { throw ValidationError("-n has to be at least 1") }
    }

    func run() async throws {
        let client = try await Daemon.client()
        if let resume {
            let result = try ResultFile.read(resume)
            return try await measure(result.suite, client, into: resume, from: result)
        }
        // All are read before the first is measured.
        for suite in try suites.map({ try adjusted(try SuiteFolder.suite($0)) }) {
            try await measure(suite, client, into: output ?? ResultFile.newPath(suite.name), from: nil)
        }
    }

    private func adjusted(_ suite: Suite) throws -> Suite {
        var suite = suite
        if let cases {
            let names = cases.split(separator: ",").map(String.init)
            for name in names where !suite.cases.contains(where: { $0.name == name }) {
                throw CommandFailure(
                    125, "the suite '\(suite.name)' has no case '\(name)'",
                    hint: "It has \(suite.cases.map(\.name).joined(separator: ", ")).")
            }
            suite.cases.removeAll { !names.contains($0.name) }
        }
        for text in parameters {
            do throws(BenchmarkError) {
                try suite.vary(text)
            } catch {
                throw CommandFailure(125, error.message, hint: error.hint)
            }
        }
        if let subjects { suite.subjects = subjects.split(separator: ",").map(String.init) }
        if quick { suite = suite.quick }
        if let runs {
            suite.repetitions.least = runs
            suite.repetitions.most = runs
        }
        if let budget { suite.repetitions.budget = budget }
        return suite
    }

    private func measure(
        _ suite: Suite, _ client: TandemClient, into path: String, from earlier: BenchmarkResult?
    ) async throws {
        try OutputFile.checkWritable(path)
        let bar = ProgressBar()
        let (result, isInterrupted) = try await MeasuredRun.run(bar) { folder -> BenchmarkResult in
            let subjects = try await BenchmarkSubjects(client: client, folder: folder).make(suite.subjects)
            let runner = SuiteRunner(client: client, subjects: subjects)
            let start: BenchmarkResult
            if let earlier {
                start = try await runner.goOn(earlier)
            } else {
                start = try await runner.begin(
                    suite, seed: seed ?? .random(in: 0...UInt64(UInt32.max)), now: Self.now())
            }
            return try await runner.run(start, now: Self.now) { result throws(BenchmarkError) in
                try ResultFile.write(result, to: path)
            } progress: {
                bar.show($0.step, part: $0.part, elapsed: $0.elapsed)
            }
        }
        if isInterrupted && !result.isComplete {
            throw CommandFailure(
                130, "cut off after \(result.finished.count) cases",
                hint: result.finished.isEmpty
                    ? "Nothing was kept." : "Go on with `tandem bench run --resume \(path)`.")
        }
        Output.write(BenchmarkTextReport(result, usesColor: Output.isTerminal(STDOUT_FILENO)).text)
        Output.write("\nThe result is in \(path).\n", to: STDERR_FILENO)
        if result.cells.isEmpty && result.facts.isEmpty {
            throw CommandFailure(1, "no run has succeeded", hint: "The reasons stand above.")
        }
    }

    @Sendable private static func now() -> Double { Date().timeIntervalSince1970 }
}

struct BenchShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a result.")

    @Argument(help: "A file that `bench run` has written.")
    var result: String

    func run() throws {
        let result = try ResultFile.read(result)
        Output.write(BenchmarkTextReport(result, usesColor: Output.isTerminal(STDOUT_FILENO)).text)
    }
}

struct BenchReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write a result as a page, tables or drawings.")

    @Option(help: "File for one page with everything.")
    var html: String?

    @Option(help: "File for Markdown; - is standard output.")
    var markdown: String?

    @Option(help: "File for one line for each sample; - is standard output.")
    var csv: String?

    @Option(help: "File for the result itself; - is standard output.")
    var json: String?

    @Option(help: "Folder for the drawings, one file each.")
    var svg: String?

    @Argument(help: "A file that `bench run` has written.")
    var result: String

    func validate() throws {
        if [html, markdown, csv, json, svg].allSatisfy({ $0 == nil }) {
            throw ValidationError("say what to write: --html, --markdown, --csv, --json or --svg")
        }
    }

    func run() throws {
        let result = try ResultFile.read(result)
        if let html { try OutputFile.write(BenchmarkHTMLReport(result).text, to: html) }
        if let markdown { try OutputFile.write(BenchmarkExports.markdown(result), to: markdown) }
        if let csv { try OutputFile.write(BenchmarkExports.csv(result), to: csv) }
        if let json { try OutputFile.write(try BenchmarkExports.json(result), to: json) }
        if let svg {
            guard mkdir(svg, 0o755) == 0 || errno == EEXIST else {
                throw CommandFailure(1, "the folder '\(svg)' cannot be made: \(String(cString: strerror(errno)))")
            }
            for drawing in BenchmarkHTMLReport(result).drawings {
                try OutputFile.write(drawing.svg, to: "\(svg)/\(drawing.name).svg")
            }
        }
    }
}

struct BenchCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Say what has changed from one result to a later one.",
        discussion: """
            Ends with 1 if a figure is worse, by the test and by more than the threshold, or if no run gave it any more; \
            with 2 if the results are not of the same suite, hardware and system.
            """)

    @Option(name: .customLong("fail-on"), help: "The threshold, as 5% or 0.05.")
    var failOn = "5%"

    @Argument(help: "The earlier result.")
    var old: String

    @Argument(help: "The later result.")
    var new: String

    func run() throws {
        let number = failOn.hasSuffix("%") ? Double(failOn.dropLast()).map { $0 / 100 } : Double(failOn)
        guard let threshold = number, threshold >= 0, threshold < 10 else {
            throw CommandFailure(125, "'\(failOn)' is no threshold", hint: "Give it as 5% or 0.05.")
        }
        let report: RegressionReport
        do throws(BenchmarkError) {
            report = try RegressionReport(
                from: try ResultFile.read(old), to: try ResultFile.read(new), threshold: threshold)
        } catch {
            throw CommandFailure(2, error.message, hint: error.hint)
        }
        Output.write(RegressionText.text(report, usesColor: Output.isTerminal(STDOUT_FILENO)))
        guard report.regressions.isEmpty && report.losses.isEmpty else {
            let worse = "\(report.regressions.count) of \(report.rows.count) figures are worse"
            throw CommandFailure(1, report.losses.isEmpty ? worse : "\(worse), and \(report.losses.count) lost")
        }
    }
}
