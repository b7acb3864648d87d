// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// The filters of `docker network ls`.
struct NetworkFilter {
    private let filters: [String: [String]]

    /// - Throws: `.invalidArgument` in Docker's words for others.
    init(_ filters: [String: [String]]) throws(EngineError) {
        let known = ["driver", "type", "name", "id", "label", "scope", "dangling"]
        for name in filters.keys.sorted() where !known.contains(name) {
            throw EngineError(
                .invalidArgument, "invalid filter '\(name)'", hint: "Known are \(known.joined(separator: ", ")).")
        }
        for value in filters["type"] ?? [] where !["builtin", "custom"].contains(value) {
            throw EngineError(
                .invalidArgument, "invalid filter: 'type'='\(value)'", hint: "Use builtin or custom.")
        }
        for value in filters["dangling"] ?? [] where !["true", "false", "1", "0"].contains(value) {
            throw EngineError(
                .invalidArgument, "invalid filter: 'dangling'='\(value)'", hint: "Use true or false.")
        }
        self.filters = filters
    }

    /// `isUsed` says whether a workload is on it.
    func matches(_ network: NetworkRecord, isUsed: Bool) -> Bool {
        let fits = { (name: String, test: (String) -> Bool) in filters[name].map { $0.contains(where: test) } ?? true }
        return fits("driver") { $0 == network.driver.rawValue } && fits("name") { network.name.contains($0) }
            && fits("id") { network.id.hasPrefix($0) } && fits("scope") { $0 == "local" }
            && fits("type") { ($0 == "builtin") == network.isPredefined }
            && fits("dangling") { ["true", "1"].contains($0) == (!isUsed && !network.isPredefined) }
            && (filters["label"] ?? []).allSatisfy { ContainerFilter.label($0, network.labels) }
    }
}
