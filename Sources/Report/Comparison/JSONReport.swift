// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import FoundationEssentials
import Statistics
import TandemModel

/// A comparison for scripts: every raw sample, and what was computed from them.
public enum JSONReport {
    private struct Document: Encodable {
        var settings: Comparison.Settings
        var host: Comparison.Host
        var measures: [Row]
        var runs: [Comparison.Run]
        var idle: [Comparison.Idle]
        var failures: [Comparison.Failure]
    }

    private struct Row: Encodable {
        var name: String
        var explanation: String
        var unit: Measure.Unit
        var container: Summary?
        var vm: Summary?
        var ratio: MedianRatio?
    }

    /// The document, indented.
    public static func text(_ comparison: Comparison) throws -> String {
        let rows = comparison.measures.map { measure in
            Row(
                name: measure.name, explanation: measure.explanation, unit: measure.unit,
                container: measure.summary(.container), vm: measure.summary(.vm), ratio: measure.ratio)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let content = try encoder.encode(
            Document(
                settings: comparison.settings, host: comparison.host, measures: rows, runs: comparison.runs,
                idle: comparison.idle, failures: comparison.failures))
        return String(decoding: content, as: UTF8.self) + "\n"
    }
}
