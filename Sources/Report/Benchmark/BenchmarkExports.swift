// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import FoundationEssentials
import Statistics

/// A suite's result as text for other programs.
public enum BenchmarkExports {
    /// Every raw sample, the suite and the environment; can be read again.
    public static func json(_ result: BenchmarkResult) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(result), as: UTF8.self) + "\n"
    }

    /// One line for each raw sample (RFC 4180).
    public static func csv(_ result: BenchmarkResult) -> String {
        let names = result.suite.parameters.map(\.name.rawValue)
        var lines = [(["suite", "case", "measure", "unit", "subject", "accelerator"] + names + ["run", "value"])]
        for cell in result.cells {
            for (index, sample) in cell.samples.enumerated() {
                lines.append(
                    [
                        result.suite.name, cell.caseName, cell.measure.name, cell.measure.unit, cell.subject,
                        result.subjects[cell.subject] ?? "",
                    ] + names.map { cell.parameters[$0] ?? "" } + [String(index + 1), String(sample)])
            }
        }
        return lines.map { $0.map(field).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func field(_ text: String) -> String {
        let mustBeQuoted = text.contains { $0 == "," || $0 == "\"" || $0.isNewline }
        return mustBeQuoted ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }

    /// Tables for a page of Markdown.
    public static func markdown(_ result: BenchmarkResult) -> String {
        var lines = ["# \(result.suite.name): \(result.suite.title)", ""]
        lines += Conditions.lines(result).map { "- \($0)" } + [""]
        for warning in result.warnings { lines += ["> **Note:** \(warning)", ""] }
        var lastCase = ""
        for section in result.sections {
            let name = section.caseName + section.parameters
            if name != lastCase {
                let parameters = section.parameters.isEmpty ? "" : " (\(section.parameters))"
                lines += ["## \(section.caseName)\(parameters)", "", section.title, ""]
            }
            lastCase = name
            let headings = FigureColumns.headings(against: section.rows.first?.subject ?? "")
            lines.append(
                "| \(section.measure.name), \(section.measure.direction) | \(headings.joined(separator: " | ")) |")
            let marks = headings.indices.map { $0 == FigureColumns.difference ? "---" : "--:" }
            lines.append("|---|\(marks.joined(separator: "|"))|")
            for row in section.rows {
                let cells = [row.label] + FigureColumns.cells(row, unit: section.measure.unit)
                lines.append("| \(cells.joined(separator: " | ")) |")
            }
            lines.append("")
        }
        for table in FactTable.tables(result) {
            lines += ["## \(table.caseName)", "", "| | \(table.subjects.joined(separator: " | ")) |"]
            lines.append("|---|" + table.subjects.map { _ in "---|" }.joined())
            lines += table.rows.map { "| \($0.topic) | \($0.findings.map(cell).joined(separator: " | ")) |" } + [""]
        }
        if !result.failures.isEmpty {
            lines += ["Not counted, because they failed:", ""] + FailureWords.lines(result).map { "- \($0)" } + [""]
        }
        lines += ["## To measure it again", "", "```sh"] + Repetition.lines(result) + ["```", ""]
        return lines.joined(separator: "\n")
    }

    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
