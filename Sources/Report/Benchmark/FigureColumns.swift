// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Statistics

/// What tables say of each subject's figures, the most telling first.
enum FigureColumns {
    /// The column of words among numbers.
    static let difference = 2

    static func headings(against base: String) -> [String] {
        [
            "median", "95 % interval", "against \(base)", "n", "mean", "std. dev.", "min", "max", "p95", "p99",
            "outliers",
        ]
    }

    static func interval(_ row: BenchmarkSection.Row, unit: String) -> String {
        "\(Figure.text(row.interval.lower, unit: unit))–\(Figure.text(row.interval.upper, unit: unit))"
    }

    static func cells(_ row: BenchmarkSection.Row, unit: String) -> [String] {
        let summary = row.summary
        let figures = [
            summary.mean, summary.standardDeviation, summary.minimum, summary.maximum, summary.percentile95,
            summary.percentile99,
        ]
        let outliers = row.outliers.map { $0.count > 0 ? "\($0.count) (\($0.effect.rawValue))" : "0" } ?? "–"
        return [
            Figure.text(summary.median, unit: unit),
            interval(row, unit: unit),
            row.difference.map(DifferenceWords.text) ?? "", String(summary.count),
        ] + figures.map { Figure.text($0, unit: unit) } + [outliers]
    }
}
