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

    /// Whose start it is.
    var name: String
    var bars: [Bar]

    init(_ trace: StartupTrace, name: String) {
        self.name = name
        // What happens after the start would press the start itself into a corner.
        let shown = trace.phases.filter { $0.name != .cleanup && $0.end >= trace.requested }
        bars = shown.map { phase in
            Bar(
                name: phase.name.rawValue, start: max(phase.start, trace.requested) - trace.requested,
                end: phase.end - trace.requested)
        }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    }

    var end: UInt64 { bars.map(\.end).max() ?? 0 }

    /// A drawing with its caption, for a page that has the class of the bars.
    ///
    /// - Parameters:
    ///   - style: The class of the bars.
    ///   - end: The end of the axis in nanoseconds, the same for all drawings that are compared.
    /// - Returns: HTML.
    func figure(style: String, axis end: UInt64) -> String {
        let (left, width, line) = (110.0, 760.0, 22.0)
        let height = Double(bars.count) * line + 26
        let scale = (width - 90) / Double(max(1, end))
        var shapes = ""
        for (index, bar) in bars.enumerated() {
            let y = Double(index) * line + 4
            let x = left + Double(bar.start) * scale
            let length = max(1, Double(bar.end - bar.start) * scale)
            let label = Figure.text(Double(bar.end - bar.start), .nanoseconds)
            shapes +=
                "<text x=\"\(Int(left) - 8)\" y=\"\(Int(y) + 13)\" text-anchor=\"end\">\(HTMLReport.escape(bar.name))</text>"
            shapes +=
                "<rect class=\"\(style)\" x=\"\(Figure.digits(x))\" y=\"\(Int(y))\" width=\"\(Figure.digits(length))\" height=\"16\" rx=\"2\"/>"
            shapes += "<text class=\"soft\" x=\"\(Figure.digits(x + length + 5))\" y=\"\(Int(y) + 13)\">\(label)</text>"
        }
        let base = Int(height) - 18
        shapes +=
            "<line class=\"axis\" x1=\"\(Int(left))\" y1=\"\(base)\" x2=\"\(Int(left + width - 90))\" y2=\"\(base)\"/>"
        shapes += "<text class=\"soft\" x=\"\(Int(left))\" y=\"\(base + 14)\">0</text>"
        shapes +=
            "<text class=\"soft\" x=\"\(Int(left + width - 90))\" y=\"\(base + 14)\" text-anchor=\"end\">\(Figure.text(Double(end), .nanoseconds))</text>"
        let name = HTMLReport.escape(name)
        return """
            <figure>
            <svg viewBox="0 0 \(Int(left + width)) \(Int(height))" role="img" aria-label="Start-up phases of a typical \(name)">\(shapes)</svg>
            <figcaption>A typical \(name): \(Figure.text(Double(self.end), .nanoseconds)) in all.</figcaption>
            </figure>
            """
    }
}
