// SPDX-License-Identifier: Apache-2.0

import Yams

/// Reads suites from YAML.
///
/// Nothing is ignored: an unknown member is an error as a missing one is, with the line where it stands.
public enum SuiteFile {
    /// Reads a suite; `file` is the name that errors give.
    public static func parse(_ text: String, file: String) throws(BenchmarkError) -> Suite {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw BenchmarkError("'\(file)' is not YAML: \(error)", hint: "docs/bench.md describes suites.")
        } catch {
            throw BenchmarkError("'\(file)' is not YAML: \(error)")
        }
        guard let root else { throw BenchmarkError("'\(file)' is empty", hint: "docs/bench.md describes suites.") }
        return try suite(SuiteNode(root, file: file, path: "the suite"))
    }

    private static func suite(_ node: SuiteNode) throws(BenchmarkError) -> Suite {
        let members = try node.members(
            required: ["name", "title", "cases"],
            optional: ["description", "image", "subjects", "parameters", "repetitions", "cache", "limits"])
        var suite = Suite(name: try members.text("name"), title: try members.text("title"))
        suite.description = try members.optionalText("description") ?? ""
        suite.image = try members.optionalText("image") ?? suite.image
        suite.subjects = try members.optionalTexts("subjects") ?? suite.subjects
        suite.cache = try members.optionalChoice("cache") ?? suite.cache
        if let node = members["parameters"] { suite.parameters = try parameters(node) }
        if let node = members["repetitions"] { suite.repetitions = try repetitions(node) }
        if let node = members["limits"] { suite.limits = try limits(node) }
        for node in try members.items("cases") { suite.cases.append(try suiteCase(node)) }
        var names: Set<String> = []
        for suiteCase in suite.cases where !names.insert(suiteCase.name).inserted {
            throw members.failure("has two cases named '\(suiteCase.name)'")
        }
        return suite
    }

    private static func parameters(_ node: SuiteNode) throws(BenchmarkError) -> [Suite.Parameter] {
        let names = Suite.Parameter.Name.allCases
        let members = try node.members(required: [], optional: names.map(\.rawValue))
        var parameters: [Suite.Parameter] = []
        for name in names {
            guard let values = try members.optionalTexts(name.rawValue) else { continue }
            guard !values.isEmpty else { throw members.failure("has no value for '\(name.rawValue)'") }
            let parameter = Suite.Parameter(name: name, values: values)
            if let problem = parameter.problem { throw members.failure(problem) }
            parameters.append(parameter)
        }
        return parameters
    }

    private static func repetitions(_ node: SuiteNode) throws(BenchmarkError) -> Suite.Repetitions {
        let members = try node.members(required: [], optional: ["warmups", "least", "most", "precision", "budget"])
        var repetitions = Suite.Repetitions()
        repetitions.warmups = try members.optionalCount("warmups") ?? repetitions.warmups
        repetitions.least = try members.optionalCount("least") ?? repetitions.least
        repetitions.most = try members.optionalCount("most") ?? max(repetitions.most, repetitions.least)
        repetitions.precision = try members.optionalNumber("precision") ?? repetitions.precision
        repetitions.budget = try members.optionalNumber("budget") ?? repetitions.budget
        guard repetitions.least >= 1, repetitions.most >= repetitions.least else {
            throw members.failure("wants at least \(repetitions.least) and at most \(repetitions.most) runs")
        }
        return repetitions
    }

    private static func limits(_ node: SuiteNode) throws(BenchmarkError) -> Suite.Limits {
        let members = try node.members(required: [], optional: ["memory", "cpus", "timeout"])
        var limits = Suite.Limits()
        limits.memory = try members.optionalText("memory")
        limits.processors = try members.optionalNumber("cpus")
        limits.timeout = try members.optionalNumber("timeout") ?? limits.timeout
        return limits
    }

    private static func suiteCase(_ node: SuiteNode) throws(BenchmarkError) -> SuiteCase {
        let members = try node.members(
            required: ["name", "title"],
            optional: [
                "kind", "setup", "command", "quick", "before", "after", "cleanup", "volume", "share", "server",
                "cache", "count", "measures",
            ])
        var suiteCase = SuiteCase(name: try members.text("name"), title: try members.text("title"))
        guard !suiteCase.name.contains(where: { ",|".contains($0) }) else {
            throw members.failure("has a name with a comma or a bar")
        }
        suiteCase.kind = try members.optionalChoice("kind") ?? .command
        suiteCase.setup = try members.optionalTexts("setup") ?? []
        suiteCase.before = try members.optionalTexts("before") ?? []
        suiteCase.after = try members.optionalTexts("after")
        suiteCase.cleanup = try members.optionalTexts("cleanup")
        suiteCase.command = try members.optionalTexts("command") ?? []
        suiteCase.quickCommand = try members.optionalTexts("quick")
        suiteCase.cache = try members.optionalChoice("cache")
        suiteCase.volume = try members.optionalText("volume")
        suiteCase.share = try members.optionalText("share")
        suiteCase.server = try members.optionalTexts("server")
        suiteCase.count = try members.optionalCount("count") ?? 1
        guard suiteCase.count >= 1 else { throw members.failure("wants no workload at all") }
        if members["measures"] != nil {
            for node in try members.items("measures") { suiteCase.measures.append(try measure(node)) }
        }
        if [.command, .start, .stop].contains(suiteCase.kind) && suiteCase.command.isEmpty {
            throw members.failure("has no 'command'")
        }
        guard suiteCase.kind == .command || (suiteCase.after ?? suiteCase.cleanup) == nil else {
            throw members.failure(
                "has an 'after' or a 'cleanup', for which only a case of kind 'command' has a workload")
        }
        if suiteCase.kind != .isolation && suiteCase.measures.isEmpty { throw members.failure("has no 'measures'") }
        for measure in suiteCase.measures {
            if let problem = EngineFigure.problem(measure, suiteCase.kind) { throw members.failure(problem) }
        }
        return suiteCase
    }

    private static func measure(_ node: SuiteNode) throws(BenchmarkError) -> SuiteMeasure {
        let sources = ["pattern", "json", "duration", "engine"]
        let members = try node.members(required: ["name", "unit", "better"], optional: sources + ["factor"])
        let given = sources.filter { members[$0] != nil }
        guard given.count == 1 else {
            throw members.failure("needs exactly one of 'pattern', 'json', 'duration' and 'engine'")
        }
        let source: SuiteMeasure.Source
        switch given[0] {
        case "pattern":
            let pattern = try members.text("pattern")
            guard (try? Regex(pattern)) != nil else { throw members.failure("has a pattern that cannot be read") }
            source = .pattern(pattern)
        case "json":
            let pointer = try members.text("json")
            guard pointer.hasPrefix("/") else {
                throw members.failure("has a JSON pointer that does not begin with '/'")
            }
            source = .json(
                pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
                    String($0).replacing("~1", with: "/").replacing("~0", with: "~")
                })
        case "engine": source = .engine(try members.text("engine"))
        default: source = .duration
        }
        guard let better: SuiteMeasure.Better = try members.optionalChoice("better") else {
            throw members.failure("does not say what is 'better'")
        }
        return SuiteMeasure(
            name: try members.text("name"), unit: try members.text("unit"), better: better, source: source,
            factor: try members.optionalNumber("factor") ?? 1)
    }
}
