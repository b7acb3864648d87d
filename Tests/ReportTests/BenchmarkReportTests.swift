// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Foundation
import Report
import Testing

@Suite("Reports of suites")
struct BenchmarkReportTests {
    private var result: BenchmarkResult {
        var suite = Suite(name: "s<1>", title: "A & B")
        suite.parameters = [.init(name: .memory, values: ["1g", "2g"])]
        var timed = SuiteCase(name: "timed", title: "Times")
        let measure = SuiteMeasure(name: "time, \"exact\"", unit: "s", better: .less, source: .duration)
        timed.measures = [measure]
        var look = SuiteCase(name: "look", title: "Facts")
        look.kind = .isolation
        suite.cases = [timed, look]
        var result = BenchmarkResult(
            suite: suite, subjects: ["container": "", "vm": "tcg"], subjectOrder: ["container", "vm"],
            environment: BenchmarkEnvironment(
                operatingSystem: "Debian", kernel: "6", processor: "P", processors: 2, memory: 1 << 30, isVirtual: true,
                accelerator: "tcg", acceleratorReason: "why", guestKernel: "g", cgroupVersion: "1", version: "0"),
            began: 0, seed: 7)
        for memory in ["1g", "2g"] {
            for (subject, base) in [("container", 0.001), ("vm", 0.5)] {
                result.cells.append(
                    .init(
                        caseName: "timed", measure: measure, subject: subject, parameters: ["memory": memory],
                        samples: (0..<12).map { base * (1 + Double($0) / 100) }))
            }
        }
        result.facts = [
            .init(caseName: "look", subject: "container", topic: "kernel", finding: "6|x"),
            .init(caseName: "look", subject: "vm", topic: "kernel", finding: "<7>"),
        ]
        result.environment.hypervisor = "9.0.0, QEMU 7.2.22"
        result.environment.storage = "erofs-overlayfs on extfs"
        result.failures = [.init(caseName: "timed", subject: "vm", parameters: [:], reason: "it broke")]
        result.harness = ["container": 0.003]
        return result
    }

    @Test("the page is whole, says what has to be said, and loads nothing")
    func page() {
        let text = BenchmarkHTMLReport(result).text
        #expect(text.contains("<h1>s&lt;1&gt;: A &amp; B</h1>"))
        #expect(text.contains("&lt;7&gt;") && !text.contains("<7>"))
        #expect(text.contains("emulated") && text.contains("it broke") && text.contains("virtual machine itself"))
        #expect(text.components(separatedBy: "<svg").count == text.components(separatedBy: "</svg>").count)
        for word in ["<script", "src=", "@import", "url("] { #expect(!text.contains(word)) }
        #expect(BenchmarkHTMLReport(result).drawings.count == 2)
    }

    @Test("every report's head says under which conditions it was measured")
    func conditions() {
        let markdown = BenchmarkExports.markdown(result)
        for text in [BenchmarkTextReport(result, usesColor: false).text, BenchmarkHTMLReport(result).text, markdown] {
            for words in [
                "VM accelerator tcg (why)", "libvirt 9.0.0, QEMU 7.2.22", "page cache warm", "network none",
                "storage erofs-overlayfs on extfs", "cgroups v1",
            ] { #expect(text.contains(words), "\(words)") }
        }
    }

    @Test("text has the figures with their intervals, and no colour that was not asked for")
    func text() {
        let text = BenchmarkTextReport(result, usesColor: false).text
        #expect(text.contains("1.06 ms") && text.contains("528 ms"))
        #expect(text.contains("large") && text.contains("Not counted"))
        #expect(!text.contains("\u{1B}"))
        #expect(BenchmarkTextReport(result, usesColor: true).text.contains("\u{1B}[1m"))
    }

    @Test("tables and lines for other programs")
    func exports() throws {
        let csv = BenchmarkExports.csv(result)
        #expect(csv.components(separatedBy: "\r\n").count == 1 + 48 + 1)
        #expect(csv.contains("s<1>,timed,\"time, \"\"exact\"\"\",s,container,,1g,1,0.001"))
        let markdown = BenchmarkExports.markdown(result)
        #expect(markdown.contains("| kernel | 6\\|x | <7> |"))
        let json = try BenchmarkExports.json(result)
        #expect(try JSONDecoder().decode(BenchmarkResult.self, from: Data(json.utf8)) == result)
    }
}
