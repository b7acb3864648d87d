// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Statistics
import Testing

@Suite("Regressions")
struct RegressionTests {
    private func result(_ samples: [Double], kernel: String = "k", accelerators: [String] = ["", "kvm"])
        -> BenchmarkResult
    {
        var suite = Suite(name: "s", title: "t")
        var only = SuiteCase(name: "c", title: "t")
        let measure = SuiteMeasure(name: "m", unit: "s", better: .less, source: .duration)
        only.measures = [measure]
        suite.cases = [only]
        var result = BenchmarkResult(
            suite: suite, subjects: ["a": accelerators[0], "b": accelerators[1]], subjectOrder: ["a", "b"],
            environment: BenchmarkEnvironment(
                operatingSystem: "s", kernel: kernel, processor: "p", processors: 1, memory: 1 << 30, isVirtual: false,
                accelerator: "kvm", acceleratorReason: "", guestKernel: "g", cgroupVersion: "2", version: "0"),
            began: 0, seed: 1)
        result.cells = [
            .init(caseName: "c", measure: measure, subject: "a", parameters: [:], samples: samples),
            .init(caseName: "c", measure: measure, subject: "b", parameters: [:], samples: samples.map { $0 * 2 }),
        ]
        return result
    }

    private let base = (0..<20).map { 100 + Double($0 % 5) }

    @Test("worse is what is seen and larger than the threshold")
    func verdicts() throws {
        let slower = try RegressionReport(
            from: result(base), to: result(base.map { $0 * 1.2 }), threshold: 0.05)
        #expect(slower.regressions.count == 2)
        #expect(
            try RegressionReport(from: result(base), to: result(base.map { $0 * 1.2 }), threshold: 0.5).regressions
                .isEmpty)
        let faster = try RegressionReport(from: result(base), to: result(base.map { $0 * 0.7 }), threshold: 0.05)
        #expect(faster.rows.map(\.verdict) == [.better, .better])
        let same = try RegressionReport(from: result(base), to: result(base), threshold: 0.05)
        #expect(same.rows.map(\.verdict) == [.same, .same])
        let few = try RegressionReport(from: result([1, 2]), to: result([3, 4]), threshold: 0.05)
        #expect(few.rows.map(\.verdict) == [.tooFew, .tooFew])
    }

    @Test("a figure that no run gives any more is lost, but not one that nobody asked for")
    func losses() throws {
        var old = result(base)
        old.finished = ["c"]
        var failed = old
        failed.cells.removeAll { $0.subject == "b" }
        let report = try RegressionReport(from: old, to: failed, threshold: 0.05)
        #expect(report.losses.map(\.subject) == ["b"] && report.rows.count == 1)
        failed.subjectOrder = ["a"]
        #expect(try RegressionReport(from: old, to: failed, threshold: 0.05).losses.isEmpty)
        var cutOff = failed
        cutOff.finished = []
        #expect(try RegressionReport(from: old, to: cutOff, threshold: 0.05).losses.isEmpty)
    }

    @Test("a case that does something else is not compared", arguments: [0, 1, 2])
    func changedCases(change: Int) throws {
        var new = result(base.map { $0 * 3 })
        switch change {
        case 0: new.suite.cases[0].command = ["other"]
        case 1: new.suite.limits.memory = "1g"
        default: new.suite.cases[0].title = "in other words"
        }
        let report = try RegressionReport(from: result(base), to: new, threshold: 0.05)
        #expect(report.changedCases == (change == 2 ? [] : ["c"]))
        #expect(report.regressions.isEmpty == (change != 2))
    }

    @Test("another host is never compared with")
    func hosts() throws {
        let error = #expect(throws: BenchmarkError.self) {
            try RegressionReport(from: result(base), to: result(base, kernel: "other"), threshold: 0.05)
        }
        #expect(error?.message.contains("other hardware") == true)
    }

    @Test("an emulated guest is shown beside one of KVM, and not compared with it")
    func accelerators() {
        #expect(result(base, accelerators: ["tcg", "kvm"]).sections[0].rows[1].difference == nil)
        #expect(result(base, accelerators: ["", "tcg"]).sections[0].rows[1].difference?.verdict == .greater)
        #expect(
            result(base, accelerators: ["", "tcg"]).warnings.contains { $0.hasPrefix("Processors of b are emulated") })
        #expect(!result(base, accelerators: ["", "tcg"]).warnings.contains { $0.contains("not compared") })
        #expect(
            result(base, accelerators: ["kvm", "tcg"]).warnings.contains {
                $0.contains("not compared with those of KVM")
            })
    }
}
