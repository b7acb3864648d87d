// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Foundation
import Testing

@Suite("Suites in YAML")
struct SuiteFileTests {
    private static let whole = """
        name: small
        title: A small suite
        subjects: [process, vm]
        parameters: {memory: [256m, 1g], cpus: ["1", "2"], cache: [warm, dropped]}
        repetitions: {warmups: 0, least: 3, most: 9, precision: 0.1, budget: 5}
        cache: dropped
        limits: {memory: 1g, cpus: 1.5, timeout: 9}
        cases:
          - name: one
            title: The only one
            setup: mkdir /x
            before: [touch /x/1]
            after: [rm /x/1]
            cleanup: rmdir /x
            command: [sh, -c, echo 1]
            server: [serve, "80"]
            share: /shared
            quick: [echo, "2"]
            volume: /data
            measures:
              - {name: a, unit: s, better: less, pattern: 'a=([0-9]+)', factor: 0.001}
              - {name: b, unit: B/s, better: more, json: /a~1b/0/c}
              - {name: c, unit: s, better: less, duration: yes}
        """

    @Test("everything that is said is read")
    func reads() throws {
        let suite = try SuiteFile.parse(Self.whole, file: "small.yaml")
        #expect(suite.subjects == ["process", "vm"])
        #expect(suite.combinations.count == 8)
        #expect(suite.combinations[1] == ["memory": "256m", "cpus": "1", "cache": "dropped"])
        #expect(suite.repetitions.most == 9)
        #expect(suite.cache == .dropped)
        #expect(suite.limits.processors == 1.5)
        let only = try #require(suite.cases.first)
        #expect(only.setup == ["mkdir /x"] && only.before == ["touch /x/1"])
        #expect(only.after == ["rm /x/1"] && only.cleanup == ["rmdir /x"])
        #expect(only.server == ["serve", "80"])
        #expect(only.share == "/shared")
        #expect(only.quick.command == ["echo", "2"])
        #expect(only.measures.map(\.source) == [.pattern("a=([0-9]+)"), .json(["a/b", "0", "c"]), .duration])
        #expect(suite.quick.repetitions.most == 2)
    }

    @Test(
        "what is wrong is told with its line",
        arguments: [
            ("title: A small suite\n", "", "small.yaml:1: the suite lacks 'title'"),
            ("cache: dropped", "cache: cold", "small.yaml:6: cache is none of warm, dropped"),
            ("[warm, dropped]", "[warm, cold]", "has a 'cache' that is 'cold', not warm or dropped"),
            ("cache: dropped", "cash: dropped", "small.yaml:6: the suite has a member 'cash' that no suite has"),
            ("least: 3", "least: 30", "small.yaml:5: repetitions wants at least 30 and at most 9 runs"),
            ("better: more", "better: faster", "better is none of more, less"),
            ("pattern: 'a=([0-9]+)'", "pattern: 'a=([0-9'", "has a pattern that cannot be read"),
            ("duration: yes", "engine: x, duration: yes", "needs exactly one of"),
            ("duration: yes", "engine: exit", "by 'engine', which 'command' does not have"),
            ("json: /a", "json: a", "has a JSON pointer that does not begin with '/'"),
            ("name: one", "name: one|two", "has a name with a comma or a bar"),
            ("command: [sh, -c, echo 1]", "count: 1", "has no 'command'"),
            ("server: [serve", "kind: start\n    server: [serve", "has an 'after' or a 'cleanup', for which"),
            ("timeout: 9", "timeout: long", "timeout is no number"),
            ("cases:", "cases: 7\nmore:", "has a member 'more'"),
            ("{warmups: 0", "{{warmups: 0", "'small.yaml' is not YAML"),
        ])
    func refuses(text: String, replacement: String, words: String) throws {
        let wrong = Self.whole.replacing(text, with: replacement)
        #expect(wrong != Self.whole)
        let error = #expect(throws: BenchmarkError.self) { try SuiteFile.parse(wrong, file: "small.yaml") }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test("a figure that the engine does not have is refused, where it would only be missing in the end")
    func figures() throws {
        func suite(_ source: String) -> String {
            """
            name: small
            title: A small suite
            cases:
              - name: one
                title: One
                kind: footprint
                measures: [{name: m, unit: B, better: less, \(source)}]
            """
        }
        #expect(try SuiteFile.parse(suite("engine: pss vmm"), file: "s").cases[0].measures.count == 1)
        for (source, words) in [
            ("engine: pss qemu", "'m' of 'pss qemu', which is none of pss, "), ("duration: yes", "is not by 'engine'"),
        ] {
            let error = #expect(throws: BenchmarkError.self) { try SuiteFile.parse(suite(source), file: "s") }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }

    @Test("parameters can be given beside the suite")
    func varies() throws {
        var suite = try SuiteFile.parse(Self.whole, file: "small.yaml")
        try suite.vary("cpus=4")
        try suite.vary("cache=warm")
        try suite.vary("network=none,bridge")
        #expect(suite.combinations.count == 4)
        #expect(suite.combinations[1] == ["memory": "256m", "cpus": "4", "cache": "warm", "network": "bridge"])
        for wrong in ["cpus", "cpus=", "colour=red", "cache=cold"] {
            #expect(throws: BenchmarkError.self, "\(wrong)") { try suite.vary(wrong) }
        }
    }

    @Test("every suite that comes along can be read")
    func shipped() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../benchmarks")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }
        #expect(files.count >= 9)
        for file in files {
            let suite = try SuiteFile.parse(
                try String(contentsOf: folder.appending(path: file), encoding: .utf8), file: file)
            #expect(file == suite.name + ".yaml")
        }
    }
}
