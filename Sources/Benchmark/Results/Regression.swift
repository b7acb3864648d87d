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
                "the two results are of other hardware or another system: \(Self.place(old)) and \(Self.place(new))",
                hint: "Only figures of the same host, kernel and accelerator can be compared over time.")
        }
        guard old.suite.name == new.suite.name else {
            throw BenchmarkError("one result is of the suite '\(old.suite.name)', the other of '\(new.suite.name)'")
        }
        var rows: [Row] = []
        for cell in new.cells {
            let earlier = old.cells.first {
                $0.caseName == cell.caseName && $0.measure == cell.measure && $0.subject == cell.subject
                    && $0.parameters == cell.parameters
            }
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
    }

    private static func place(_ result: BenchmarkResult) -> String {
        "\(result.environment.processor), Linux \(result.environment.kernel), \(result.environment.accelerator)"
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
