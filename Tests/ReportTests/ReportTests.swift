// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Foundation
import Report
import TandemModel
import Testing

@Suite("Reports")
struct ReportTests {
    private func comparison(accelerator: String = "tcg") -> Comparison {
        func run(_ kind: WorkloadKind, _ round: Int, _ milliseconds: UInt64) -> Comparison.Run {
            let unit = milliseconds * 1_000_000
            return Comparison.Run(
                kind: kind, round: round, firstByte: unit, exit: unit + 1_000_000, cleanup: 2_000_000, code: 0,
                trace: StartupTrace(
                    requested: 1_000,
                    phases: [
                        Phase(.namespaces, start: 1_000, end: 1_000 + unit / 2),
                        Phase(.exec, start: 1_000 + unit / 2, end: 1_000 + unit),
                    ]))
        }
        func idle(_ kind: WorkloadKind, _ memory: Int64) -> Comparison.Idle {
            Comparison.Idle(
                kind: kind, hostMemory: memory, hostMemoryByRole: [:], guestMemory: kind == .vm ? 20 << 20 : nil,
                storage: 4_096,
                processes: 2, threads: 3, kernel: kind == .vm ? "6.1-guest" : "6.18-host")
        }
        return Comparison(
            settings: .init(image: "busybox", command: ["echo", "<b>&"], runs: 3, warmups: 1, idleRuns: 1),
            host: .init(
                operatingSystem: "Debian", kernel: "6.18-host", processors: 2, memory: 1 << 30, version: "0.1.0",
                accelerator: accelerator, acceleratorReason: "why"),
            runs: (0..<3).map { run(.container, $0, 10 + UInt64($0)) }
                + (0..<3).map { run(.vm, $0, 1_000 + UInt64($0) * 100) },
            idle: [idle(.container, 2 << 20), idle(.vm, 100 << 20)],
            failures: [.init(kind: .vm, round: 2, reason: "no luck")])
    }

    @Test("the table has a row for each measure with medians, spread, count and ratio")
    func text() {
        let text = TextReport(comparison(), usesColor: false).text
        #expect(text.contains("time to first byte"))
        #expect(text.contains("11 ms"))
        #expect(text.contains("1.1 s"))
        #expect(text.contains("100 ×"))
        #expect(text.contains("6.1-guest") && text.contains("6.18-host"))
        #expect(text.contains("no luck"))
        #expect(text.contains("Start of a typical VM"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test("emulation is said in a sentence, and only then")
    func emulation() {
        #expect(TextReport(comparison(), usesColor: false).text.contains("emulated"))
        #expect(!TextReport(comparison(accelerator: "kvm"), usesColor: false).text.contains("emulated"))
    }

    @Test("the page stands alone and escapes what it shows")
    func html() {
        let page = HTMLReport(comparison()).text
        #expect(page.contains("&lt;b&gt;&amp;"))
        #expect(!page.contains("<b>&"))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"))
        #expect(page.contains("<svg"))
    }

    @Test("JSON has every raw sample")
    func json() throws {
        let text = try JSONReport.text(comparison())
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect((document["runs"] as? [Any])?.count == 6)
        #expect((document["failures"] as? [Any])?.count == 1)
    }

    @Test("nothing measured is no crash")
    func empty() {
        var empty = comparison()
        empty.runs = []
        empty.idle = []
        #expect(TextReport(empty, usesColor: true).text.contains("–"))
        #expect(HTMLReport(empty).text.contains("No run counts."))
    }
}
