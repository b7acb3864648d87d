// SPDX-License-Identifier: Apache-2.0

import Benchmark
import TandemModel

/// The phases of one start on an axis that begins with the request.
struct Waterfall {
    /// One phase, in nanoseconds since the request.
    struct Bar {
        var name: String
        var start: UInt64
        var end: UInt64
    }

    var kind: WorkloadKind
    var bars: [Bar]

    /// - Returns: `nil` if the kind has no run with a trace.
    init?(_ comparison: Comparison, _ kind: WorkloadKind) {
        guard let trace = comparison.typicalRun(kind)?.trace else { return nil }
        self.kind = kind
        // What happens after the start would press the start itself into a corner.
        let shown = trace.phases.filter { $0.name != .cleanup && $0.end >= trace.requested }
        bars = shown.map { phase in
            Bar(
                name: phase.name.rawValue, start: max(phase.start, trace.requested) - trace.requested,
                end: phase.end - trace.requested)
        }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    }

    var end: UInt64 { bars.map(\.end).max() ?? 0 }
}
