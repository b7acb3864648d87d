// SPDX-License-Identifier: Apache-2.0

import Benchmark

/// What has to be typed to get a result's figures again, with Tandem and without.
enum Repetition {
    /// Lines of a shell; those that Tandem does not run itself are comments.
    static func lines(_ result: BenchmarkResult) -> [String] {
        let suite = result.suite
        let subjects = result.subjectOrder.map { name in
            OwnSubject(rawValue: name) != nil ? name : "\(name)=unix:///var/run/docker.sock"
        }.joined(separator: ",")
        let parameters = suite.parameters.map {
            "--parameter " + quoted("\($0.name.rawValue)=\($0.values.joined(separator: ","))")
        }
        let options = ["--seed \(result.seed)", "--subjects \(quoted(subjects))"] + parameters
        var lines = ["tandem bench run \(options.joined(separator: " ")) \(quoted(suite.name))"]
        for suiteCase in suite.cases where !suiteCase.command.isEmpty {
            lines += ["", "# \(suiteCase.name), in a workload of the image '\(suite.image)':"]
            if let server = suiteCase.server { lines.append(command(server) + " &") }
            lines += suiteCase.setup + suiteCase.before
            lines.append(command(suiteCase.command))
            lines += (suiteCase.after ?? []) + (suiteCase.cleanup ?? [])
        }
        return lines
    }

    private static func command(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    /// A word as a shell reads it.
    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_=./:,+@%".contains($0) }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
