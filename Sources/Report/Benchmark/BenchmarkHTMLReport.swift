// SPDX-License-Identifier: Apache-2.0

public import Benchmark
import Statistics

/// A suite's result as one page that needs nothing else: no script, no font, no picture from anywhere.
public struct BenchmarkHTMLReport {
    private let result: BenchmarkResult
    private let sections: [BenchmarkSection]

    /// Prepares a report.
    public init(_ result: BenchmarkResult) {
        self.result = result
        sections = result.sections
    }

    /// The whole page.
    public var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escape("\(result.suite.name): \(result.suite.title)"))</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <main>
        <h1>\(escape("\(result.suite.name): \(result.suite.title)"))</h1>
        \(head)
        \(contents)
        \(cases)
        \(facts)
        \(failures)
        \(repetition)
        <footer>Tandem \(escape(result.environment.version)). Medians with 95 % bootstrap intervals; a difference is called one if the Mann–Whitney test and the interval of the ratio both see it, and its size is Cliff's delta. Boxes are quartiles, the thick line is the median, the bar below it its interval.</footer>
        </main>
        </body>
        </html>

        """
    }

    /// Every drawing alone, by the name of a file.
    public var drawings: [(name: String, svg: String)] {
        sections.map { section in
            let words = [section.caseName, section.measure.name, section.parameters].filter { !$0.isEmpty }
            let name = words.joined(separator: "-").map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" }
            let svg = Plot.whiskers(section)
            return (
                String(name),
                svg.replacing("<svg ", with: "<svg style=\"background:#fff\" ", maxReplacements: 1)
                    .replacing("</svg>", with: "<style>\(Self.colors)\(Self.drawing)</style></svg>")
            )
        }
    }

    private static let colors = """
        svg,:root{color-scheme:light dark;--back:#fff;--text:#1c1e21;--soft:#5c6370;--line:#d8dbe0;--warn:#7a4b00;--warnback:#fff4dc;--c0:#1769aa;--c1:#b3541e;--c2:#2b7a3d;--c3:#7a3e9d;--c4:#a3274b;--c5:#4d6b00;--c6:#007a7a;--c7:#6b4e2e}
        """
    private static let drawing = """
        svg text{font:12px system-ui,sans-serif;fill:var(--text)}svg .axis{stroke:var(--line)}svg .soft{fill:var(--soft)}
        .s0{--s:var(--c0)}.s1{--s:var(--c1)}.s2{--s:var(--c2)}.s3{--s:var(--c3)}.s4{--s:var(--c4)}.s5{--s:var(--c5)}.s6{--s:var(--c6)}.s7{--s:var(--c7)}
        circle{fill:var(--s);fill-opacity:.6}.box{fill:var(--s);fill-opacity:.18}.median{stroke:var(--s);stroke-width:3}.interval{stroke:var(--s);stroke-width:2}.curve{stroke:var(--s);stroke-width:2;fill:none}.phase{fill:var(--s)}
        """
    private static let style = """
        \(colors)
        @media(prefers-color-scheme:dark){:root{--back:#16181c;--text:#e6e8eb;--soft:#9aa1ac;--line:#33373e;--warn:#ffd98a;--warnback:#3a2e12;--c0:#66b2f0;--c1:#f0a06a;--c2:#7ccf8f;--c3:#cf9bea;--c4:#f08aa6;--c5:#b9d65c;--c6:#5fd0d0;--c7:#d0b08a}svg{--back:inherit}}
        body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;margin:0}
        main{max-width:72rem;margin:0 auto;padding:1.5rem}
        h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2rem 0 .25rem}h3{font-size:1rem;margin:1.25rem 0 .25rem}
        p{margin:.25rem 0}.soft,footer{color:var(--soft)}footer{margin-top:2rem;font-size:.875rem}
        .warn{background:var(--warnback);color:var(--warn);padding:.5rem .75rem;border-radius:.375rem;margin:.5rem 0}
        .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
        th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
        th:first-child,td:first-child,td.l,th.l{text-align:left;white-space:normal}td.l{min-width:11rem}.facts{table-layout:fixed}.facts th:first-child{width:13rem}.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}
        nav{columns:3;font-size:.9rem}a{color:var(--c0)}.key{color:var(--s);font-weight:600}
        svg{display:block;width:100%;height:auto;margin:.5rem 0}figure{margin:1rem 0}figcaption{color:var(--soft);font-size:.9rem}
        pre{overflow-x:auto;background:var(--warnback);padding:.5rem .75rem;border-radius:.375rem;font-size:.8125rem}
        details{margin:.25rem 0}summary{cursor:pointer;color:var(--soft)}
        \(drawing)
        @media print{main{max-width:none}.scroll{overflow:visible}table{font-size:.6rem}th,td{padding:.2rem}td.l{min-width:0}details>*{display:block}h2,h3,svg,table{break-inside:avoid}nav{display:none}}
        """

    private func escape(_ text: String) -> String { HTMLReport.escape(text) }

    // MARK: Head

    private var head: String {
        var lines = [result.suite.description.isEmpty ? "" : "<p>\(escape(result.suite.description))</p>"]
        lines += Conditions.lines(result).map { "<p class=\"soft\">\(escape($0))</p>" }
        lines += result.warnings.map { "<p class=\"warn\">\(escape($0))</p>" }
        if let harness = Conditions.harness(result) { lines.append("<p class=\"soft\">\(escape(harness))</p>") }
        return lines.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private var contents: String {
        let names = result.suite.cases.map(\.name).filter { name in sections.contains { $0.caseName == name } }
        guard names.count > 3 else { return "" }
        return "<nav>" + names.map { "<a href=\"#\(escape($0))\">\(escape($0))</a><br>" }.joined() + "</nav>"
    }

    // MARK: Cases

    private var cases: String {
        result.suite.cases.map { suiteCase in
            let own = sections.filter { $0.caseName == suiteCase.name }
            guard !own.isEmpty else { return "" }
            let parts =
                [starts(suiteCase)] + suiteCase.measures.map { measure in part(own.filter { $0.measure == measure }) }
            return
                "<h2 id=\"\(escape(suiteCase.name))\">\(escape(suiteCase.name))</h2>\n<p>\(escape(suiteCase.title))</p>\n"
                + parts.joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// How typical starts passed, for each combination of parameters on one axis.
    private func starts(_ suiteCase: SuiteCase) -> String {
        let starts = (result.starts ?? []).filter { $0.caseName == suiteCase.name }
        let charts = starts.map { start in
            let parameters = result.words(start.parameters).joined(separator: ", ")
            let name = start.subject + (parameters.isEmpty ? "" : ", \(parameters)")
            let position = result.subjectOrder.firstIndex(of: start.subject) ?? 0
            return (chart: Waterfall(start.trace, name: name), style: "s\(position) phase")
        }
        guard let end = charts.map(\.chart.end).max(), end > 0 else { return "" }
        return "<h3>How a start passes <span class=\"soft\">(all on one axis)</span></h3>\n"
            + charts.map { $0.chart.figure(style: $0.style, axis: end) }.joined(separator: "\n")
    }

    private func part(_ sections: [BenchmarkSection]) -> String {
        guard let first = sections.first else { return "" }
        var text = "<h3>\(escape(first.measure.name)) <span class=\"soft\">(\(first.measure.direction))</span></h3>"
        if sections.count > 1 {
            text += Plot.scan(sections, order: result.subjectOrder)
        }
        for section in sections {
            if !section.parameters.isEmpty { text += "<p class=\"soft\">\(escape(section.parameters))</p>" }
            text += table(section) + Plot.whiskers(section)
            if section.rows.contains(where: { $0.samples.count >= 10 }) {
                text += "<details><summary>cumulative distribution</summary>\(Plot.distribution(section))</details>"
            }
        }
        return text
    }

    private func table(_ section: BenchmarkSection) -> String {
        func cells(_ words: [String], _ tag: String) -> String {
            words.enumerated().map { index, word in
                "<\(tag)\(index == FigureColumns.difference ? " class=\"l\"" : "")>\(escape(word))</\(tag)>"
            }.joined()
        }
        let rows = section.rows.map { row in
            "<tr><td class=\"s\(row.position) key\">\(escape(row.label))</td>"
                + cells(FigureColumns.cells(row, unit: section.measure.unit), "td") + "</tr>"
        }
        let head = cells(FigureColumns.headings(against: section.rows.first?.subject ?? ""), "th")
        return """
            <div class="scroll"><table><thead><tr><th></th>\(head)</tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
            """
    }

    private var facts: String {
        FactTable.tables(result).map { table in
            let rows = table.rows.map { row in
                "<tr><td>\(escape(row.topic))</td>" + row.findings.map { "<td>\(escape($0))</td>" }.joined() + "</tr>"
            }
            let head = table.subjects.map { "<th class=\"l\">\(escape($0))</th>" }.joined()
            return
                "<h2>\(escape(table.caseName))</h2><div class=\"scroll\"><table class=\"facts\"><thead><tr><th></th>\(head)</tr></thead><tbody>\(rows.joined(separator: "\n"))</tbody></table></div>"
        }.joined(separator: "\n")
    }

    /// How anybody gets these figures on a machine of their own.
    private var repetition: String {
        "<h2>To measure it again</h2>\n<pre>\(escape(Repetition.lines(result).joined(separator: "\n")))</pre>"
    }

    private var failures: String {
        guard !result.failures.isEmpty else { return "" }
        let items = FailureWords.lines(result).map { "<li>\(escape($0))</li>" }
        return "<div class=\"warn\"><p>Not counted, because they failed:</p><ul>\(items.joined())</ul></div>"
    }
}
