// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Statistics

/// A difference in words.
enum DifferenceWords {
    /// For example `3.1 × (2.9–3.3), large`.
    static func text(_ difference: Difference) -> String {
        let ratio = difference.ratio
        let figures = "\(Figure.ratio(ratio.value)) (\(Figure.digits(ratio.lower))–\(Figure.digits(ratio.upper)))"
        switch difference.verdict {
        case .greater, .less: return "\(figures), \(difference.delta.size.rawValue)"
        case .same: return "\(figures), the same"
        case .tooNoisy: return "\(figures), too noisy to say"
        case .tooFew: return "\(figures), too few runs to say"
        }
    }
}

extension BenchmarkSection.Row {
    /// The subject with what has to be known about it.
    var label: String { subject + (remark.isEmpty ? "" : " (\(remark))") }
}

extension SuiteMeasure {
    /// Which direction is good, in words.
    var direction: String { better == .more ? "more is better" : "less is better" }
}

/// Failures in words.
enum FailureWords {
    /// One line for each kind of failure, with how often it came.
    static func lines(_ result: BenchmarkResult) -> [String] {
        var counts: [(text: String, count: Int)] = []
        for failure in result.failures {
            let text = "\(failure.caseName), \(failure.subject): \(failure.reason)"
            if let index = counts.firstIndex(where: { $0.text == text }) {
                counts[index].count += 1
            } else {
                counts.append((text, 1))
            }
        }
        return counts.map { $0.count > 1 ? "\($0.text) (\($0.count) times)" : $0.text }
    }
}

/// What the subjects show of themselves, side by side.
struct FactTable {
    struct Row {
        let topic: String
        let findings: [String]
    }

    let caseName: String
    let subjects: [String]
    let rows: [Row]

    static func tables(_ result: BenchmarkResult) -> [FactTable] {
        result.suite.cases.compactMap { suiteCase in
            let facts = result.facts.filter { $0.caseName == suiteCase.name }
            guard !facts.isEmpty else { return nil }
            let subjects = result.subjectOrder.filter { name in facts.contains { $0.subject == name } }
            var topics: [String] = []
            for fact in facts where !topics.contains(fact.topic) { topics.append(fact.topic) }
            let rows = topics.map { topic in
                Row(
                    topic: topic,
                    findings: subjects.map { name in
                        facts.first { $0.subject == name && $0.topic == topic }?.finding ?? "–"
                    })
            }
            return FactTable(caseName: suiteCase.name, subjects: subjects, rows: rows)
        }
    }
}
