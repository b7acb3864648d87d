// SPDX-License-Identifier: Apache-2.0

import TandemModel
import VolumeStore

/// The filters of `docker volume ls` and `docker volume prune`.
struct VolumeFilter {
    /// Whether volumes without users are wanted, or those with some; `nil` for both.
    private(set) var dangling: Bool?
    private var names: [Pattern] = []
    private var drivers: [String] = []
    private var labels: [String] = []
    private var otherLabels: [String] = []
    private var onlyAnonymous = false

    /// A name, or a regular expression that fits a part of one.
    private struct Pattern {
        let text: String
        let expression: Regex<AnyRegexOutput>?

        func matches(_ name: String) -> Bool { name == text || expression.map { name.contains($0) } ?? false }
    }

    /// The filters of a list.
    ///
    /// - Throws: `.invalidArgument` in Docker's words for others.
    init(_ filters: [String: [String]]) throws(EngineError) {
        for (name, values) in filters.sorted(by: { $0.key < $1.key }) {
            switch name {
            // What is no regular expression can still be a name.
            case "name": names = values.map { Pattern(text: $0, expression: try? Regex($0)) }
            case "driver": drivers = values
            case "label": labels = values
            case "dangling": dangling = try Self.truth(name, values)
            default: throw Self.invalid(name)
            }
        }
    }

    /// The filters of a clean-up.
    ///
    /// Since API 1.42 it takes only anonymous volumes, unless `all` says otherwise.
    init(pruning filters: [String: [String]], version: String?) throws(EngineError) {
        onlyAnonymous = Self.isAtLeast142(version)
        for (name, values) in filters.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "label": labels = values
            case "label!": otherLabels = values
            case "all" where onlyAnonymous || version == nil: onlyAnonymous = try !Self.truth(name, values)
            default: throw Self.invalid(name)
            }
        }
    }

    /// Everything but `dangling`, which only the engine can tell.
    func matches(_ volume: Volume) -> Bool {
        (!onlyAnonymous || volume.isAnonymous) && (names.isEmpty || names.contains { $0.matches(volume.name) })
            && (drivers.isEmpty || drivers.contains("local"))
            && labels.allSatisfy { ContainerFilter.label($0, volume.labels) }
            && !otherLabels.contains { ContainerFilter.label($0, volume.labels) }
    }

    private static func truth(_ name: String, _ values: [String]) throws(EngineError) -> Bool {
        switch values.map({ $0.lowercased() }) {
        case ["true"], ["1"]: true
        case ["false"], ["0"]: false
        default: throw invalid("\(name)=\(values.joined(separator: ","))")
        }
    }

    private static func isAtLeast142(_ version: String?) -> Bool {
        guard let version else { return true }
        let parts = version.split(separator: ".").map { Int($0) ?? 0 }
        return (parts.first ?? 0, parts.dropFirst().first ?? 0) >= (1, 42)
    }

    private static func invalid(_ filter: String) -> EngineError {
        EngineError(
            .invalidArgument, "invalid filter '\(filter)'",
            hint: "Volumes are listed by name, driver, label and dangling, and pruned by label, label! and all.")
    }
}
