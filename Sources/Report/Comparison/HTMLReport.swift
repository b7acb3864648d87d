// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics
import TandemModel

/// A comparison as one page that needs nothing else: no script, no font, no picture from anywhere.
public struct HTMLReport {
    private let comparison: Comparison

    /// Prepares a report.
    public init(_ comparison: Comparison) { self.comparison = comparison }

    /// The whole page.
    public var text: String {
        let settings = comparison.settings
        let command = settings.command.isEmpty ? "the image's own command" : settings.command.joined(separator: " ")
        let title = "\(settings.image): \(command)"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Self.escape("Container and VM side by side – \(title)"))</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <main>
            <h1>\(Self.escape(title))</h1>
            \(head)
            <h2>Side by side</h2>
            \(table)
            \(failures)
            <h2>How a start passes</h2>
            \(waterfalls)
            <h2>Every run</h2>
            \(dots)
            <footer>Tandem \(Self.escape(comparison.host.version)). Medians, with the 95th percentile; the interval of a ratio is a 95 % bootstrap interval.</footer>
            </main>
            </body>
            </html>

            """
    }

    private static let style = """
        :root{color-scheme:light dark;--back:#fff;--text:#1c1e21;--soft:#5c6370;--line:#d8dbe0;--container:#1769aa;--vm:#b3541e;--warn:#7a4b00;--warnback:#fff4dc}
        @media(prefers-color-scheme:dark){:root{--back:#16181c;--text:#e6e8eb;--soft:#9aa1ac;--line:#33373e;--container:#66b2f0;--vm:#f0a06a;--warn:#ffd98a;--warnback:#3a2e12}}
        body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;margin:0}
        main{max-width:60rem;margin:0 auto;padding:1.5rem}
        h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}
        p{margin:.25rem 0}.soft,footer,figcaption{color:var(--soft)}footer{margin-top:2rem;font-size:.875rem}
        .warn{background:var(--warnback);color:var(--warn);padding:.5rem .75rem;border-radius:.375rem;margin:.75rem 0}
        .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th,td{padding:.375rem .625rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
        th:first-child,td:first-child{text-align:left}.c{color:var(--container)}.v{color:var(--vm)}
        figure{margin:1rem 0}svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--text)}
        svg .axis{stroke:var(--line)}svg .cb{fill:var(--container)}svg .vb{fill:var(--vm)}svg .soft{fill:var(--soft)}
        """

    // MARK: Head and table

    private var head: String {
        let settings = comparison.settings
        let host = comparison.host
        let reason = host.acceleratorReason.isEmpty ? "" : " (\(host.acceleratorReason))"
        var lines = [
            "<p>\(settings.runs) runs of each kind in turns, after \(settings.warmups) to warm up; \(settings.idleRuns) idle.</p>",
            "<p class=\"soft\">\(Self.escape("\(host.operatingSystem), Linux \(host.kernel), \(host.processors) processors, \(Figure.text(Double(host.memory), .bytes))"))</p>",
            "<p>VM accelerator: <strong>\(Self.escape(host.accelerator))</strong>\(Self.escape(reason))</p>",
        ]
        if let sentence = TextReport.emulationSentence(comparison) {
            lines.append("<p class=\"warn\">\(Self.escape(sentence))</p>")
        }
        return lines.joined(separator: "\n")
    }

    private var table: String {
        var rows = comparison.measures.map(row)
        if let container = comparison.kernel(.container), let machine = comparison.kernel(.vm) {
            rows.append(
                "<tr><td>kernel seen inside</td><td class=\"c\" colspan=\"3\">\(Self.escape(container))</td><td class=\"v\" colspan=\"3\">\(Self.escape(machine))</td><td></td></tr>"
            )
        }
        return """
            <div class="scroll"><table>
            <thead><tr><th>measure</th><th class="c">container</th><th>p95</th><th>n</th><th class="v">VM</th><th>p95</th><th>n</th><th>VM : container</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            """
    }

    private func row(_ measure: Measure) -> String {
        let side = { (summary: Summary?, style: String) -> String in
            guard let summary else { return "<td class=\"\(style)\">–</td><td></td><td></td>" }
            return
                "<td class=\"\(style)\">\(Figure.text(summary.median, measure.unit))</td><td>\(Figure.text(summary.percentile95, measure.unit))</td><td>\(summary.count)</td>"
        }
        let ratio = measure.ratio.map {
            "\(Figure.ratio($0.value)) (\(Figure.digits($0.lower))–\(Figure.digits($0.upper)))"
        }
        return
            "<tr><td title=\"\(Self.escape(measure.explanation))\">\(Self.escape(measure.name))</td>\(side(measure.summary(.container), "c"))\(side(measure.summary(.vm), "v"))<td>\(ratio ?? "–")</td></tr>"
    }

    private var failures: String {
        guard !comparison.failures.isEmpty else { return "" }
        let items = comparison.failures.map { failure in
            "<li>\(TextReport.label(failure.kind)), \(failure.round < 0 ? "warm-up" : "run \(failure.round + 1)"): \(Self.escape(failure.reason))</li>"
        }
        return "<div class=\"warn\"><p>Not counted, because they failed:</p><ul>\(items.joined())</ul></div>"
    }

    // MARK: Drawings

    private var waterfalls: String {
        let charts = comparison.waterfalls
        guard let end = charts.map(\.chart.end).max(), end > 0 else { return "<p>No start was traced.</p>" }
        let figures = charts.map { $0.chart.figure(style: $0.kind == .vm ? "vb" : "cb", axis: end) }
        return figures.joined(separator: "\n") + "\n<p class=\"soft\">Both drawings share one axis.</p>"
    }

    /// Every time to exit as a dot, so that nobody has to believe a median.
    private var dots: String {
        let all = comparison.runs.map { Double($0.exit) }
        guard let greatest = all.max(), greatest > 0 else { return "<p>No run counts.</p>" }
        var shapes = ""
        for (index, kind) in [WorkloadKind.container, .vm].enumerated() {
            let y = 20 + index * 30
            shapes += "<text x=\"102\" y=\"\(y + 4)\" text-anchor=\"end\">\(TextReport.label(kind))</text>"
            shapes += "<line class=\"axis\" x1=\"110\" y1=\"\(y)\" x2=\"860\" y2=\"\(y)\"/>"
            for run in comparison.runs where run.kind == kind {
                let x = 110 + Double(run.exit) / greatest * 745
                shapes +=
                    "<circle class=\"\(kind == .vm ? "vb" : "cb")\" cx=\"\(Figure.digits(x))\" cy=\"\(y)\" r=\"4\" fill-opacity=\"0.5\"><title>\(Figure.text(Double(run.exit), .nanoseconds))</title></circle>"
            }
        }
        shapes +=
            "<text class=\"soft\" x=\"110\" y=\"82\">0</text><text class=\"soft\" x=\"860\" y=\"82\" text-anchor=\"end\">\(Figure.text(greatest, .nanoseconds)) to exit</text>"
        return """
            <figure><svg viewBox="0 0 870 90" role="img" aria-label="Time to exit of every run">\(shapes)</svg></figure>
            """
    }

    static func escape(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
