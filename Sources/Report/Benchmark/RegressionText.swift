// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics

/// What has changed between two results, for a terminal.
public enum RegressionText {
    /// One line for each figure, the worse ones first, and what could not be compared.
    public static func text(_ report: RegressionReport, usesColor: Bool) -> String {
        let style = TerminalStyle(usesColor: usesColor)
        let losses = report.losses.map { loss in
            style.color("lost: \(name(loss.caseName, loss.measure, loss.subject, loss.parameters))", .red) + "\n"
        }
        let changed = report.changedCases.map { "not compared: \($0) does something else than then\n" }
        return table(report, style) + losses.joined() + changed.joined()
    }

    private static func name(
        _ caseName: String, _ measure: SuiteMeasure, _ subject: String, _ parameters: [String: String]
    ) -> String {
        let words = parameters.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return "\(caseName), \(measure.name), \(subject)\(words)"
    }

    private static func table(_ report: RegressionReport, _ style: TerminalStyle) -> String {
        let order: [RegressionReport.Verdict] = [.worse, .better, .tooNoisy, .tooFew, .same]
        let rows = order.flatMap { verdict in report.rows.filter { $0.verdict == verdict } }
        guard !rows.isEmpty else { return "The two results have no figure in common.\n" }
        let cells = rows.map { row in
            [
                row.verdict.rawValue, name(row.caseName, row.measure, row.subject, row.parameters),
                Figure.text(row.before, unit: row.measure.unit), "→", Figure.text(row.after, unit: row.measure.unit),
                "\(Figure.ratio(row.difference.ratio.value)) (\(Figure.digits(row.difference.ratio.lower))–\(Figure.digits(row.difference.ratio.upper)))",
            ]
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return zip(rows, cells).map { row, cells in
            let line = cells.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }
                .joined(separator: "  ")
            switch row.verdict {
            case .worse: return style.color(line, .red) + "\n"
            case .better: return style.color(line, .green) + "\n"
            default: return line + "\n"
            }
        }.joined()
    }
}
