// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// The names of the figures that the harness takes itself, by what a case does.
enum EngineFigure {
    /// - Returns: Empty for commands, whose figures are in what they write.
    static func names(for kind: SuiteCase.Kind) -> [String] {
        switch kind {
        case .command, .isolation: []
        case .start:
            ["create", "start", "first byte", "exit", "remove", "all"]
                + PhaseName.allCases.map { "phase \($0.rawValue)" }
        case .stop: ["stop"]
        case .footprint:
            ["pss"] + ["monitor", "workload", "vmm", "virtiofsd"].map { "pss \($0)" } + [
                "shared", "page tables", "guest memory", "guest used", "guest page cache", "guest kernel", "guest slab",
                "guest page tables", "storage", "processes", "threads", "idle processor",
            ]
        case .density: ["workloads", "all", "last", "memory each", "shared each"]
        }
    }

    /// What is wrong with a measure of a case that does this; `nil` for nothing.
    static func problem(_ measure: SuiteMeasure, _ kind: SuiteCase.Kind) -> String? {
        let names = names(for: kind)
        guard case .engine(let name) = measure.source else {
            return names.isEmpty ? nil : "has the measure '\(measure.name)', which is not by 'engine'"
        }
        if names.isEmpty {
            return "has the measure '\(measure.name)' by 'engine', which '\(kind.rawValue)' does not have"
        }
        guard !names.contains(name) else { return nil }
        return "has the measure '\(measure.name)' of '\(name)', which is none of \(names.joined(separator: ", "))"
    }
}
