// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Statistics

/// Drawings as SVG, without a script and in the colours of the page that they stand on.
///
/// Series have the classes `s0` to `s7`; the page gives them their colours.
enum Plot {
    private static let width = 860.0
    private static let left = 170.0
    private static let right = 20.0

    /// Every sample as a dot, the box of the quartiles, the median and its interval, one line for each subject.
    static func whiskers(_ section: BenchmarkSection) -> String {
        let all = section.rows.flatMap(\.samples)
        guard let least = all.min(), let greatest = all.max() else { return "" }
        let scale = Scale(least: least, greatest: greatest, from: left, to: width - right)
        var shapes = ""
        for (index, row) in section.rows.enumerated() {
            let y = 18 + Double(index) * 34
            let (low, high) = (scale.place(row.summary.percentile25), scale.place(row.summary.percentile75))
            shapes += label(row, y: y)
            shapes += line(scale.place(row.summary.minimum), y, scale.place(row.summary.maximum), y, "axis")
            shapes +=
                "<rect class=\"s\(row.position) box\" x=\"\(n(low))\" y=\"\(n(y - 9))\" width=\"\(n(max(1, high - low)))\" height=\"18\"/>"
            for (number, sample) in row.samples.enumerated() {
                // Spread by their order, so that equal ones do not hide each other.
                let offset = Double(number % 5 - 2) * 2.5
                shapes +=
                    "<circle class=\"s\(row.position)\" cx=\"\(n(scale.place(sample)))\" cy=\"\(n(y + offset))\" r=\"2.5\"><title>\(Figure.text(sample, unit: section.measure.unit))</title></circle>"
            }
            let median = scale.place(row.summary.median)
            shapes += line(median, y - 11, median, y + 11, "s\(row.position) median")
            shapes += line(
                scale.place(row.interval.lower), y + 13, scale.place(row.interval.upper), y + 13,
                "s\(row.position) interval")
        }
        let height = Double(section.rows.count) * 34 + 30
        shapes += axis(scale, y: height - 16, unit: section.measure.unit)
        return svg(height, "Distribution of \(section.measure.name)", shapes)
    }

    /// The part of the samples that is at most so great, for each subject.
    static func distribution(_ section: BenchmarkSection) -> String {
        let all = section.rows.flatMap(\.samples)
        guard let least = all.min(), let greatest = all.max(), greatest > least else { return "" }
        let scale = Scale(least: least, greatest: greatest, from: left, to: width - right)
        let (top, bottom) = (10.0, 170.0)
        var shapes = ""
        for part in [0.0, 0.5, 1.0] {
            let y = bottom - part * (bottom - top)
            shapes += line(left, y, width - right, y, "axis")
            shapes += text("\(Int(part * 100)) %", left - 8, y + 4, anchor: "end", "soft")
        }
        for row in section.rows {
            let sorted = row.samples.sorted()
            var path = "M\(n(scale.place(sorted[0]))) \(n(bottom))"
            for (number, sample) in sorted.enumerated() {
                let y = bottom - Double(number + 1) / Double(sorted.count) * (bottom - top)
                path += "H\(n(scale.place(sample)))V\(n(y))"
            }
            shapes += "<path class=\"s\(row.position) curve\" d=\"\(path)H\(n(width - right))\"/>"
        }
        shapes += axis(scale, y: bottom, unit: section.measure.unit)
        return svg(bottom + 22, "Cumulative distribution of \(section.measure.name)", shapes)
    }

    /// Medians over the parameters' values, with their intervals; what differs in the last parameter alone is joined by a
    /// line.
    static func scan(_ points: [BenchmarkSection], order: [String]) -> String {
        let all = points.flatMap { $0.rows.flatMap { [$0.interval.lower, $0.interval.upper] } }
        guard points.count > 1, let greatest = all.max(), greatest > 0 else { return "" }
        let unit = points[0].measure.unit
        let (top, bottom) = (12.0, 190.0)
        let place = { (value: Double) in bottom - value / greatest * (bottom - top) }
        let step = (width - right - left - 60) / Double(points.count - 1)
        var shapes = ""
        for part in [0.0, 0.5, 1.0] {
            let y = place(greatest * part)
            shapes += line(left, y, width - right, y, "axis")
            shapes += text(Figure.text(greatest * part, unit: unit), left - 8, y + 4, anchor: "end", "soft")
        }
        for (index, subject) in order.enumerated() {
            var path = ""
            var others: [String] = []
            for (number, point) in points.enumerated() {
                guard let row = point.rows.first(where: { $0.subject == subject }) else { continue }
                let (x, y) = (left + 30 + Double(number) * step, place(row.summary.median))
                let isJoined = !path.isEmpty && others == point.words.dropLast()
                others = point.words.dropLast()
                path += "\(isJoined ? "L" : "M")\(n(x)) \(n(y))"
                shapes += line(x, place(row.interval.lower), x, place(row.interval.upper), "s\(index) interval")
                shapes += "<circle class=\"s\(index)\" cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"4\"/>"
            }
            shapes += "<path class=\"s\(index) curve\" d=\"\(path)\"/>"
        }
        for (number, point) in points.enumerated() {
            for (row, word) in point.words.enumerated() {
                let y = bottom + 18 + Double(row) * 14
                shapes += text(word, left + 30 + Double(number) * step, y, anchor: "middle", "soft")
            }
        }
        let rows = Double(points.map(\.words.count).max() ?? 1)
        return svg(
            bottom + 12 + rows * 14, "Medians over \(points[0].words.count > 1 ? "parameters" : "a parameter")", shapes)
    }

    // MARK: Parts

    private struct Scale {
        let least: Double
        let greatest: Double
        let from: Double
        let to: Double

        /// From zero where the samples reach down far enough, so that lengths do not lie.
        init(least: Double, greatest: Double, from: Double, to: Double) {
            self.least = least < greatest * 0.6 ? min(0, least) : least - (greatest - least) * 0.05
            self.greatest = greatest > self.least ? greatest : self.least + 1
            self.from = from
            self.to = to
        }

        func place(_ value: Double) -> Double { from + (value - least) / (greatest - least) * (to - from) }
    }

    private static func axis(_ scale: Scale, y: Double, unit: String) -> String {
        var shapes = line(scale.from, y, scale.to, y, "axis")
        for part in stride(from: 0.0, through: 1, by: 0.25) {
            let value = scale.least + part * (scale.greatest - scale.least)
            let anchor = part == 0 ? "start" : part == 1 ? "end" : "middle"
            shapes += text(Figure.text(value, unit: unit), scale.place(value), y + 14, anchor: anchor, "soft")
        }
        return shapes
    }

    private static func label(_ row: BenchmarkSection.Row, y: Double) -> String {
        text(row.label, left - 8, y + 4, anchor: "end", "")
    }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"/>"
    }

    private static func text(_ text: String, _ x: Double, _ y: Double, anchor: String, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(HTMLReport.escape(text))</text>"
    }

    private static func svg(_ height: Double, _ name: String, _ shapes: String) -> String {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(HTMLReport.escape(name))\">\(shapes)</svg>"
    }

    /// A coordinate with one decimal.
    private static func n(_ value: Double) -> String { String((value * 10).rounded() / 10) }
}
