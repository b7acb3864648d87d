// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics

/// A suite's result for a terminal.
public struct BenchmarkTextReport {
    private let result: BenchmarkResult
    private let style: TerminalStyle

    /// Prepares a report; colours are for terminals only.
    public init(_ result: BenchmarkResult, usesColor: Bool) {
        self.result = result
        style = TerminalStyle(usesColor: usesColor)
    }

    /// The whole report.
    public var text: String {
        var lines = [style.bold("\(result.suite.name): \(result.suite.title)")] + Conditions.lines(result)
        lines += result.warnings.map { style.color($0, .yellow) }
        if let harness = Conditions.harness(result) { lines.append(harness) }
        var lastCase = ""
        for section in result.sections {
            let name = section.caseName + section.parameters
            if name != lastCase {
                lines += [
                    "",
                    style.bold(section.caseName) + (section.parameters.isEmpty ? "" : " (\(section.parameters))")
                        + ": \(section.title)",
                ]
            }
            lastCase = name
            lines += table(section)
        }
        lines += facts + failures
        return lines.joined(separator: "\n") + "\n"
    }

    private func table(_ section: BenchmarkSection) -> [String] {
        let greatest = section.rows.map(\.summary.median).max() ?? 0
        var rows = [
            [
                "  \(section.measure.name) (\(section.measure.direction))", "", "median", "95 % interval", "p95", "p99",
                "n", "", "",
            ]
        ]
        for row in section.rows {
            let unit = section.measure.unit
            rows.append([
                "    \(row.label)",
                Self.bar(row.summary.median, greatest),
                Figure.text(row.summary.median, unit: unit),
                FigureColumns.interval(row, unit: unit),
                Figure.text(row.summary.percentile95, unit: unit), Figure.text(row.summary.percentile99, unit: unit),
                String(row.summary.count),
                row.outliers.map {
                    $0.count > 0 ? "\($0.count) outlier\($0.count == 1 ? "" : "s"), \($0.effect.rawValue)" : ""
                } ?? "",
                row.difference.map(DifferenceWords.text) ?? "",
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.enumerated().map { number, row in
            let cells = row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                return index < 2 || index > 6 ? cell + padding : padding + cell
            }
            let line = Self.withoutEnd(cells.joined(separator: "  "))
            return number == 0 ? style.dim(line) : line
        }
    }

    private static func bar(_ value: Double, _ greatest: Double) -> String {
        let width = 24
        guard greatest > 0, value >= 0 else { return "" }
        let eighths = max(1, Int((value / greatest * Double(width * 8)).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }

    private var facts: [String] {
        var lines: [String] = []
        for table in FactTable.tables(result) {
            lines += ["", style.bold(table.caseName)]
            let rows =
                [[""] + table.subjects] + table.rows.map { [$0.topic] + $0.findings.map { String($0.prefix(48)) } }
            let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            for row in rows {
                let cells = row.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }
                lines.append(Self.withoutEnd("  \(cells.joined(separator: "  "))"))
            }
        }
        return lines
    }

    /// Leaves out the spaces at the end.
    private static func withoutEnd(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }

    private var failures: [String] {
        guard !result.failures.isEmpty else { return [] }
        return ["", style.color("Not counted, because they failed:", .red)]
            + FailureWords.lines(result).map { "  \($0)" }
    }
}
