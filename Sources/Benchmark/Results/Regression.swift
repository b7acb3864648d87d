// SPDX-License-Identifier: Apache-2.0

public import Statistics

/// What has changed from one result of a suite to a later one.
public struct RegressionReport: Sendable {
    /// What can be said of one figure.
    public enum Verdict: String, Sendable {
        /// Worse, by the test and by more than the threshold.
        case worse
        /// Better, likewise.
        case better
        /// Neither.
        case same
        /// The samples scatter too much.
        case tooNoisy = "too noisy to say"
        /// There are too few samples.
        case tooFew = "not enough history"
    }

    /// One figure, then and now.
    public struct Row: Sendable {
        /// The case.
        public let caseName: String
        /// The figure.
        public let measure: SuiteMeasure
        /// The subject.
        public let subject: String
        /// The parameters' values.
        public let parameters: [String: String]
        /// The median then.
        public let before: Double
        /// The median now.
        public let after: Double
        /// Now against then.
        public let difference: Difference
        /// What can be said.
        public let verdict: Verdict
    }

    /// The figures that both results have.
    public let rows: [Row]
    /// The figures of the earlier result that the later one was to have, and that no run gave any more.
    public let losses: [BenchmarkResult.Cell]
    /// The cases that do something else than then, of which nothing can be said.
    public let changedCases: [String]
    /// The figures that are worse.
    public var regressions: [Row] { rows.filter { $0.verdict == .worse } }

    /// Compares like with like.
    ///
    /// `threshold` is the part by which a median has to be worse to matter.
    ///
    /// - Throws: If the two were measured on different hosts, or with different suites.
    public init(from old: BenchmarkResult, to new: BenchmarkResult, threshold: Double) throws(BenchmarkError) {
        guard old.environment.fingerprint == new.environment.fingerprint else {
            throw BenchmarkError(
                "the two results are of other hardware or another system: \(old.environment.words), and \(new.environment.words)",
                hint: "Only figures of the same host, kernel and accelerator can be compared over time.")
        }
        guard old.suite.name == new.suite.name else {
            throw BenchmarkError("one result is of the suite '\(old.suite.name)', the other of '\(new.suite.name)'")
        }
        let changed = new.suite.cases.map(\.name).filter { name in
            guard let then = Work(name, of: old.suite) else { return false }
            return then != Work(name, of: new.suite)
        }
        var rows: [Row] = []
        for cell in new.cells where !changed.contains(cell.caseName) {
            let earlier = old.cells.first { $0.isSameFigure(as: cell) }
            guard let earlier, let before = earlier.summary, let after = cell.summary,
                let difference = Difference(of: cell.samples, to: earlier.samples, margin: threshold)
            else { continue }
            rows.append(
                Row(
                    caseName: cell.caseName, measure: cell.measure, subject: cell.subject, parameters: cell.parameters,
                    before: before.median, after: after.median, difference: difference,
                    verdict: Self.verdict(difference, cell.measure.better, threshold)))
        }
        self.rows = rows
        changedCases = changed
        losses = Self.losses(from: old, to: new).filter { !changed.contains($0.caseName) }
    }

    private static func losses(from old: BenchmarkResult, to new: BenchmarkResult) -> [BenchmarkResult.Cell] {
        old.cells.filter { cell in
            guard !cell.samples.isEmpty, new.subjectOrder.contains(cell.subject),
                let suiteCase = new.suite.cases.first(where: { $0.name == cell.caseName }),
                suiteCase.measures.contains(cell.measure),
                new.finished.contains(BenchmarkResult.key(suiteCase, cell.parameters))
            else { return false }
            return !new.cells.contains { $0.isSameFigure(as: cell) && !$0.samples.isEmpty }
        }
    }

    /// Everything that decides what a run of a case does.
    private struct Work: Hashable {
        let suiteCase: SuiteCase
        let image: String
        let memory: String?
        let processors: Double?
        let cache: Suite.CachePolicy

        init?(_ name: String, of suite: Suite) {
            guard var suiteCase = suite.cases.first(where: { $0.name == name }) else { return nil }
            suiteCase.title = ""
            suiteCase.quickCommand = nil
            suiteCase.measures = []
            self.suiteCase = suiteCase
            image = suite.image
            memory = suite.limits.memory
            processors = suite.limits.processors
            cache = suite.cache
        }
    }

    private static func verdict(_ difference: Difference, _ better: SuiteMeasure.Better, _ threshold: Double) -> Verdict
    {
        switch difference.verdict {
        case .tooFew: return .tooFew
        case .tooNoisy: return .tooNoisy
        case .same: return .same
        case .greater, .less:
            guard abs(difference.ratio.value - 1) > threshold else { return .same }
            return (difference.verdict == .greater) == (better == .more) ? .better : .worse
        }
    }
}
