// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics

/// What has changed between two results, for a terminal.
public enum RegressionText {
    /// One line for each figure, the worse ones first.
    public static func text(_ report: RegressionReport, usesColor: Bool) -> String {
        let style = TerminalStyle(usesColor: usesColor)
        let order: [RegressionReport.Verdict] = [.worse, .better, .tooNoisy, .tooFew, .same]
        let rows = order.flatMap { verdict in report.rows.filter { $0.verdict == verdict } }
        guard !rows.isEmpty else { return "The two results have no figure in common.\n" }
        let cells = rows.map { row in
            let parameters = row.parameters.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            return [
                row.verdict.rawValue, "\(row.caseName), \(row.measure.name), \(row.subject)\(parameters)",
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
