// SPDX-License-Identifier: Apache-2.0

import Client
import Foundation
import Statistics
import Synchronization
import TandemModel
import Testing

@testable import Benchmark

/// A subject whose truth is known: a command takes as long as it is told, or writes what it is told.
private struct SyntheticSubject: Subject {
    let name: String
    var remark = ""
    var known: Set<Suite.Parameter.Name> = [.memory, .cache]
    var impossible = ""
    var lived: @Sendable () -> Life = { Life() }
    let answer: @Sendable ([String], Int) async -> ProcessResult

    func effect(of parameter: Suite.Parameter.Name, _ value: String) -> ParameterEffect {
        if impossible == value { return .impossible }
        return known.contains(parameter) ? .some : .none
    }
    func prepare(_ image: String) async throws(BenchmarkError) {}
    func hold(_ shape: WorkloadShape) async throws(BenchmarkError) -> any HeldWorkload { Held(answer: answer) }
    func live(_ command: [String], _ shape: WorkloadShape) async throws(BenchmarkError) -> Life { lived() }

    final class Held: HeldWorkload {
        let answer: @Sendable ([String], Int) async -> ProcessResult
        let runs = Mutex(0)

        init(answer: @escaping @Sendable ([String], Int) async -> ProcessResult) { self.answer = answer }

        func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
            let run = runs.withLock { runs in
                if command != ["true"] { runs += 1 }
                return runs
            }
            return await answer(command, run)
        }
        func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] { [:] }
        func stop() async throws(BenchmarkError) -> Double? { 0.25 }
        func release() async {}
    }
}

@Suite("Running suites")
struct SuiteRunnerTests {
    private let client = TandemClient(socketPath: "/nonexistent")

    private func suite(_ change: (inout Suite) -> Void = { _ in }) -> Suite {
        var suite = Suite(name: "synthetic", title: "Known truths")
        suite.repetitions.warmups = 1
        suite.repetitions.least = 5
        suite.repetitions.most = 8
        var only = SuiteCase(name: "only", title: "The only one")
        only.command = ["measure"]
        only.measures = [SuiteMeasure(name: "figure", unit: "s", better: .less, source: .pattern("figure ([0-9.]+)"))]
        suite.cases = [only]
        change(&suite)
        return suite
    }

    private func begin(_ suite: Suite, _ subjects: [any Subject], seed: UInt64 = 1) -> BenchmarkResult {
        var result = BenchmarkResult(
            suite: suite, subjects: Dictionary(uniqueKeysWithValues: subjects.map { ($0.name, $0.remark) }),
            subjectOrder: subjects.map(\.name),
            environment: BenchmarkEnvironment(
                operatingSystem: "s", kernel: "k", processor: "p", processors: 1, memory: 1 << 30, isVirtual: false,
                accelerator: "kvm", acceleratorReason: "", guestKernel: "g", cgroupVersion: "2", version: "0"),
            began: 0, seed: seed)
        result.indifferent = SuiteRunner(client: client, subjects: subjects).indifferent(suite)
        return result
    }

    private func run(_ start: BenchmarkResult, _ subjects: [any Subject]) async throws -> BenchmarkResult {
        try await SuiteRunner(client: client, subjects: subjects).run(
            start, now: { 1 }, keep: { _ in }, progress: { _ in })
    }

    private static func words(_ text: String, code: Int = 0) -> ProcessResult {
        ProcessResult(output: Array(text.utf8), errors: [], code: code, duration: .milliseconds(1))
    }

    @Test("figures are those that were written, warm-ups do not count, and agreement ends the repetitions")
    func figures() async throws {
        let subject = SyntheticSubject(name: "a") { _, run in Self.words("figure \(run == 1 ? 99 : 7)") }
        let result = try await run(begin(suite(), [subject]), [subject])
        #expect(result.cells.map(\.samples) == [[7, 7, 7, 7, 7]])
        #expect(result.isComplete)
        #expect(result.harness["a"] == 0.001)
    }

    @Test("a sleep of known length is measured as that")
    func sleep() async throws {
        var timed = suite()
        timed.cases[0].measures = [SuiteMeasure(name: "time", unit: "s", better: .less, source: .duration)]
        let subject = SyntheticSubject(name: "a") { command, _ in
            let result = await HostProgram.run(command == ["true"] ? ["/bin/true"] : ["/bin/sleep", "0.05"])
            return ProcessResult(
                output: result.output, errors: result.errors, code: result.code, duration: result.duration)
        }
        let result = try await run(begin(timed, [subject]), [subject])
        let least = try #require(result.cells.first?.summary?.minimum)
        // Sleeps last at least as long as asked for; how much longer the host's load decides.
        #expect(least >= 0.05)
    }

    @Test("half a run is no run: failures are told, and have no number")
    func failures() async throws {
        let bad = SyntheticSubject(name: "bad") { _, _ in Self.words("no such figure") }
        let ugly = SyntheticSubject(name: "ugly") { _, _ in Self.words("figure 3", code: 2) }
        let good = SyntheticSubject(name: "good") { _, run in Self.words("figure \(run)") }
        let result = try await run(begin(suite(), [bad, ugly, good]), [bad, ugly, good])
        #expect(result.cells.map(\.subject) == ["good"])
        #expect(result.failures.contains { $0.subject == "bad" && $0.reason.contains("no figure for 'figure'") })
        #expect(result.failures.contains { $0.subject == "ugly" && $0.reason.contains("ended with 2") })
        // Three in a row are enough.
        #expect(result.failures.count == 6)
    }

    @Test("what is made before a run goes after it, also where it failed, and the rest at the end")
    func cleansUp() async throws {
        let seen = Log()
        let subject = SyntheticSubject(name: "a") { command, _ in
            if command == ["true"] { return Self.words("") }
            seen.add(command.last ?? "")
            return Self.words("figure 1", code: command == ["measure"] && seen.all.count < 4 ? 1 : 0)
        }
        let tidy = suite {
            $0.repetitions.warmups = 0
            $0.repetitions.least = 2
            $0.repetitions.most = 2
            $0.cases[0].setup = ["set up"]
            $0.cases[0].before = ["before"]
            $0.cases[0].after = ["after"]
            $0.cases[0].cleanup = ["clean up"]
        }
        let result = try await run(begin(tidy, [subject]), [subject])
        #expect(seen.all == ["set up", "before", "measure", "after", "before", "measure", "after", "clean up"])
        #expect(result.cells.map(\.samples) == [[1]] && result.failures.count == 1)
    }

    @Test("a clean-up that fails is told, and the figures stay")
    func failedCleanUp() async throws {
        let subject = SyntheticSubject(name: "a") { command, _ in
            Self.words("figure 1", code: command.last == "clean up" ? 9 : 0)
        }
        let tidy = suite { $0.cases[0].cleanup = ["clean up"] }
        let result = try await run(begin(tidy, [subject]), [subject])
        #expect(result.failures.map(\.reason) == ["'clean up' ended with 9: figure 1"])
        #expect(result.cells.count == 1)
    }

    @Test("subjects take turns in an order that the seed decides")
    func turns() async throws {
        func order(_ seed: UInt64) async throws -> [String] {
            let seen = Log()
            let subjects: [any Subject] = ["a", "b", "c"].map { name in
                SyntheticSubject(name: name) { command, _ in
                    if command != ["true"] { seen.add(name) }
                    return Self.words("figure 1")
                }
            }
            _ = try await run(begin(suite(), subjects, seed: seed), subjects)
            return seen.all
        }
        let first = try await order(1)
        #expect(first == (try await order(1)))
        #expect(first != (try await order(2)))
        for start in stride(from: 0, to: first.count, by: 3) {
            #expect(Set(first[start..<start + 3]) == ["a", "b", "c"])
        }
    }

    @Test("what is there is not measured again, and a parameter that a subject does not know is measured once")
    func resume() async throws {
        let count = Log()
        let subject = SyntheticSubject(name: "a") { command, _ in
            if command != ["true"] { count.add("run") }
            return Self.words("figure 1")
        }
        let varied = suite {
            $0.parameters = [.init(name: .memory, values: ["1g", "2g"]), .init(name: .kernel, values: ["x", "y"])]
        }
        var half = begin(varied, [subject])
        half.finished = [BenchmarkResult.key(varied.cases[0], ["memory": "1g", "kernel": "x"])]
        let result = try await run(half, [subject])
        #expect(result.isComplete)
        #expect(result.cells.map(\.parameters) == [["memory": "2g", "kernel": "x"]])
        #expect(count.all.count == 6)
        // Alone it is not shown for what it does not know.
        #expect(result.sections.map(\.parameters) == ["memory 2g, kernel x"])
    }

    @Test("a subject that does not know a parameter stands beside the others at each of its values")
    func borrowed() async throws {
        let plain = SyntheticSubject(name: "plain") { _, _ in Self.words("figure 1") }
        let knowing = SyntheticSubject(name: "knowing", known: [.memory, .kernel]) { _, _ in Self.words("figure 2") }
        let varied = suite {
            $0.parameters = [.init(name: .memory, values: ["1g", "2g"]), .init(name: .kernel, values: ["x", "y"])]
        }
        let result = try await run(begin(varied, [plain, knowing]), [plain, knowing])
        #expect(result.cells.filter { $0.subject == "plain" }.count == 2)
        #expect(result.sections.map { $0.rows.map(\.subject) } == Array(repeating: ["plain", "knowing"], count: 4))
        #expect(result.sections.allSatisfy { $0.rows[1].difference?.ratio.value == 2 })
        // Where its own run failed, no other stands for it.
        var failed = result
        failed.cells.removeAll { $0.subject == "plain" && $0.parameters["memory"] == "2g" }
        #expect(failed.sections.map(\.rows.count) == [2, 2, 1, 1])
    }

    @Test("a value that a subject cannot have is left out, is no failure, and nothing stands for it")
    func impossibleValue() async throws {
        let able = SyntheticSubject(name: "able", known: [.network]) { _, _ in Self.words("figure 1") }
        let unable = SyntheticSubject(name: "unable", known: [.network], impossible: "host") { _, _ in
            Self.words("figure 1")
        }
        let varied = suite { $0.parameters = [.init(name: .network, values: ["none", "host"])] }
        let result = try await run(begin(varied, [able, unable]), [able, unable])
        #expect(result.isComplete)
        #expect(result.sections.map { $0.rows.map(\.subject) } == [["able", "unable"], ["able"]])
        #expect(result.failures == [])
    }

    @Test("of all lives, the start whose time to exit is in the middle is kept")
    func typicalStart() async throws {
        // The warm-up's would be the one in the middle.
        let exits = Mutex<[Double]>([0.3, 0.5, 0.1, 0.2, 0.4, 0.9])
        let subject = SyntheticSubject(
            name: "a",
            lived: {
                let exit = exits.withLock { $0.removeFirst() }
                return Life(figures: ["exit": exit], trace: StartupTrace(requested: UInt64(exit * 10)))
            }, answer: { _, _ in Self.words("") })
        let living = suite {
            $0.repetitions.most = 5
            $0.cases[0].kind = .start
            $0.cases[0].measures = [SuiteMeasure(name: "t", unit: "s", better: .less, source: .engine("exit"))]
        }
        let result = try await run(begin(living, [subject]), [subject])
        #expect(result.cells.map(\.samples) == [[0.5, 0.1, 0.2, 0.4, 0.9]])
        #expect(result.starts?.map(\.trace.requested) == [4])
    }

    @Test("who is not limited is named where others are")
    func limits() {
        let subjects = ["process", "container"].map { SyntheticSubject(name: $0) { _, _ in Self.words("") } }
        let limited = suite {
            $0.limits.processors = 1
            $0.limits.memory = "512m"
        }
        let words = "Processes are not limited, but the other subjects are, to 1 processor and 512m of memory."
        #expect(begin(limited, subjects).warnings.contains(words))
        var scanned = limited
        scanned.parameters = [Suite.Parameter(name: .cpus, values: ["1", "2"])]
        let varied = "Processes are not limited, but the other subjects are, to 1 or 2 processors and 512m of memory."
        #expect(begin(scanned, subjects).warnings.contains(varied))
        #expect(!begin(suite(), subjects).warnings.contains { $0.contains("limited") })
        #expect(!begin(limited, [subjects[1]]).warnings.contains { $0.contains("limited") })
    }

    @Test("a workload is stopped anew for each run")
    func stops() async throws {
        let subject = SyntheticSubject(name: "a") { _, _ in Self.words("") }
        let stopping = suite {
            $0.cases[0].kind = .stop
            $0.cases[0].measures = [SuiteMeasure(name: "t", unit: "s", better: .less, source: .engine("stop"))]
        }
        let result = try await run(begin(stopping, [subject]), [subject])
        #expect(result.cells.map(\.samples) == [[0.25, 0.25, 0.25, 0.25, 0.25]])
    }

    @Test("a run that takes too long has failed")
    func timeout() async throws {
        let slow = SyntheticSubject(name: "slow") { command, _ in
            if command != ["true"] { try? await Task.sleep(for: .seconds(30)) }
            return Self.words("figure 1")
        }
        let result = try await run(begin(suite { $0.limits.timeout = 0.05 }, [slow]), [slow])
        #expect(result.cells.isEmpty)
        #expect(result.failures.first?.reason.contains("took longer") == true)
    }
}

/// What happened, in order.
private final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    var all: [String] { entries.withLock { $0 } }
    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
}
