// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel

/// What `prune` may remove: `label`, `label!` and `until`, as dockerd has them.
struct PruneFilter {
    private let wanted: [String]
    private let unwanted: [String]
    private let until: Timestamp?

    /// - Throws: `.invalidArgument` for any other filter: what is not understood must not remove more.
    init(_ filters: [String: [String]], now: Timestamp = HostTime.now) throws(EngineError) {
        for name in filters.keys.sorted() where !["label", "label!", "until"].contains(name) {
            throw EngineError(
                .invalidArgument, "invalid filter '\(name)'", hint: "Known are label, label! and until.")
        }
        wanted = filters["label"] ?? []
        unwanted = filters["label!"] ?? []
        let times = filters["until"] ?? []
        guard times.count <= 1 else { throw EngineError(.invalidArgument, "more than one until filter specified") }
        until = try times.first.map { (text) throws(EngineError) in try UntilFilter.parse(text, now: now) }
    }

    func includes(created: Timestamp, labels: [String: String]) -> Bool {
        (until.map { created < $0 } ?? true) && wanted.allSatisfy { ContainerFilter.label($0, labels) }
            && !unwanted.contains { ContainerFilter.label($0, labels) }
    }
}
