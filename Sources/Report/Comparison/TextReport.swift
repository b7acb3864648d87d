// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics
import TandemModel

/// A comparison for a terminal.
public struct TextReport {
    private let comparison: Comparison
    private let style: TerminalStyle

    /// Prepares a report; colours are for terminals only.
    public init(_ comparison: Comparison, usesColor: Bool) {
        self.comparison = comparison
        style = TerminalStyle(usesColor: usesColor)
    }

    /// The whole report.
    public var text: String {
        var lines = head + [""] + table
        lines += failures
        for section in waterfalls { lines += [""] + section }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Head

    private var head: [String] {
        let settings = comparison.settings
        let host = comparison.host
        let command = settings.command.isEmpty ? "the image's own command" : settings.command.joined(separator: " ")
        var lines = [
            style.bold("\(settings.image): \(command)"),
            "\(settings.runs) runs of each kind in turns, after \(settings.warmups) to warm up; \(settings.idleRuns) idle",
            "\(host.operatingSystem), Linux \(host.kernel), \(host.processors) processors, \(Figure.text(Double(host.memory), .bytes))",
            "VM accelerator: \(host.accelerator)"
                + (host.acceleratorReason.isEmpty ? "" : " (\(host.acceleratorReason))"),
        ]
        if let sentence = Self.emulationSentence(comparison) { lines.append(style.color(sentence, .yellow)) }
        return lines
    }

    /// What has to be said about figures that are not those of hardware.
    static func emulationSentence(_ comparison: Comparison) -> String? {
        guard comparison.host.accelerator == "tcg" else { return nil }
        return "The VM's processor is emulated (tcg): its figures show emulation, not what virtualization by KVM costs."
    }

    // MARK: Table

    private var table: [String] {
        var rows = [["", "container", "p95", "n", "VM", "p95", "n", "VM : container"]]
        for measure in comparison.measures { rows.append(row(measure)) }
        if let container = comparison.kernel(.container), let machine = comparison.kernel(.vm) {
            rows.append(["kernel seen inside", container, "", "", machine, "", "", ""])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.enumerated().map { number, row in
            let cells = row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 ? cell + padding : padding + cell
            }
            let line = cells.joined(separator: "  ")
            return number == 0 ? style.bold(line) : line
        }
    }

    private func row(_ measure: Measure) -> [String] {
        let side = { (summary: Summary?) -> [String] in
            guard let summary else { return ["–", "", ""] }
            return [
                Figure.text(summary.median, measure.unit), Figure.text(summary.percentile95, measure.unit),
                String(summary.count),
            ]
        }
        let ratio = measure.ratio.map { ratio in
            let interval =
                measure.container.count > 1 ? " (\(Figure.digits(ratio.lower))–\(Figure.digits(ratio.upper)))" : ""
            return Figure.ratio(ratio.value) + interval
        }
        return [measure.name] + side(measure.summary(.container)) + side(measure.summary(.vm)) + [ratio ?? "–"]
    }

    private var failures: [String] {
        guard !comparison.failures.isEmpty else { return [] }
        let lines = comparison.failures.map { failure in
            "  \(Self.label(failure.kind)), \(failure.round < 0 ? "warm-up" : "run \(failure.round + 1)"): \(failure.reason)"
        }
        return ["", style.color("Not counted, because they failed:", .red)] + lines
    }

    static func label(_ kind: WorkloadKind) -> String { kind == .vm ? "VM" : "container" }

    // MARK: Waterfalls

    private static let width = 60

    private var waterfalls: [[String]] {
        let charts = comparison.waterfalls.map(\.chart)
        guard let end = charts.map(\.end).max(), end > 0 else { return [] }
        return charts.map { chart in
            let title =
                "Start of a typical \(chart.name), \(Figure.text(Double(chart.end), .nanoseconds)) in all"
            let names = chart.bars.map(\.name.count).max() ?? 0
            let lines = chart.bars.map { bar in
                let name = bar.name + String(repeating: " ", count: names - bar.name.count)
                return "  \(name) ▕\(Self.bar(bar, end))▏ \(Figure.text(Double(bar.end - bar.start), .nanoseconds))"
            }
            return [style.bold(title)] + lines
        } + [
            [
                "Both on one axis of \(Figure.text(Double(end), .nanoseconds)); each line is one phase, from the engine's trace."
            ]
        ]
    }

    /// A bar in eighths of a column.
    private static func bar(_ bar: Waterfall.Bar, _ end: UInt64) -> String {
        let eighths = Double(width * 8)
        let start = Int(Double(bar.start) / Double(end) * eighths)
        let stop = max(start + 1, Int((Double(bar.end) / Double(end) * eighths).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        var text = String(repeating: " ", count: start / 8)
        // A bar may only begin at a column: there are no blocks that are full on the right.
        let length = stop - start / 8 * 8
        text += String(repeating: "█", count: length / 8) + parts[length % 8]
        let count = text.count
        return String(text.prefix(width)) + String(repeating: " ", count: max(0, width - count))
    }
}

extension Comparison {
    /// The start of a typical run of each kind that was traced.
    var waterfalls: [(kind: WorkloadKind, chart: Waterfall)] {
        [WorkloadKind.container, .vm].compactMap { kind in
            typicalRun(kind)?.trace.map { (kind, Waterfall($0, name: TextReport.label(kind))) }
        }
    }
}
