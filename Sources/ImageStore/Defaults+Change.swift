// SPDX-License-Identifier: Apache-2.0

import Dockerfile
import FoundationEssentials
public import OCI
public import TandemModel

extension ImageConfiguration.Defaults {
    private static let commitChanges: Set = [
        "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
        "WORKDIR",
    ]

    /// Applies instructions of `docker commit --change`: those that dockerd takes there.
    public mutating func commit(change: String) throws(EngineError) {
        try apply(change: change, known: Self.commitChanges)
    }

    /// Applies instructions of `--change` to an image that is imported, with `SHELL` besides.
    mutating func apply(change: String) throws(EngineError) {
        try apply(change: change, known: Self.commitChanges.union(["SHELL"]))
    }

    private mutating func apply(change: String, known: Set<String>) throws(EngineError) {
        for line in change.split(separator: "\n") {
            let name = line.prefix { !$0.isWhitespace }.uppercased()
            guard known.contains(name) else {
                throw EngineError(
                    .invalidArgument, "\(name) is not a valid change command",
                    hint: "Use \(known.sorted().joined(separator: ", ")).")
            }
        }
        let instructions = try Dockerfile.instructions(change)
        guard !instructions.isEmpty else {
            throw EngineError(.invalidArgument, "file with no instructions", hint: "For example: CMD [\"sh\"].")
        }
        for instruction in instructions {
            let variables = environment ?? []
            _ = try apply(instruction.action, shell: shell ?? ["/bin/sh", "-c"]) { (text) throws(EngineError) in
                try ShellLexer(escape: "\\").expand(text) { name in
                    variables.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
                }
            }
        }
    }

    /// A JSON list of strings; `nil` for anything else.
    static func list(_ text: String) -> [String]? {
        // What is no JSON list is the other form.
        text.hasPrefix("[") ? try? JSONDecoder().decode([String].self, from: Data(text.utf8)) : nil
    }
}
