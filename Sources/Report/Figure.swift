// SPDX-License-Identifier: Apache-2.0

import Benchmark

/// Numbers for people: three significant digits and a unit.
enum Figure {
    static func text(_ value: Double, _ unit: Measure.Unit) -> String {
        switch unit {
        case .nanoseconds:
            if value < 1e3 { return "\(digits(value)) ns" }
            if value < 1e6 { return "\(digits(value / 1e3)) µs" }
            if value < 1e9 { return "\(digits(value / 1e6)) ms" }
            return "\(digits(value / 1e9)) s"
        case .bytes:
            if value < 1_024 { return "\(digits(value)) B" }
            if value < 1_048_576 { return "\(digits(value / 1_024)) KiB" }
            if value < 1_073_741_824 { return "\(digits(value / 1_048_576)) MiB" }
            return "\(digits(value / 1_073_741_824)) GiB"
        case .count: return digits(value)
        }
    }

    /// A figure of a suite: seconds and bytes in the unit that fits, everything else as it is.
    static func text(_ value: Double, unit: String) -> String {
        switch unit {
        case "s": text(value * 1e9, .nanoseconds)
        case "B": text(value, .bytes)
        case "B/s": "\(text(value, .bytes))/s"
        default: unit.isEmpty ? digits(value) : "\(digits(value)) \(unit)"
        }
    }

    static func ratio(_ value: Double) -> String { "\(digits(value)) ×" }

    /// Three significant digits, without zeros behind the point.
    static func digits(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return value.isNaN ? "–" : value < 0 ? "-∞" : "∞" }
        let decimals = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 2
        let scale = [1.0, 10, 100][decimals]
        let scaled = Int64((value * scale).rounded())
        let whole = scaled / Int64(scale)
        var fraction = String(abs(scaled % Int64(scale)))
        fraction = String(repeating: "0", count: decimals - min(decimals, fraction.count)) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return decimals == 0 || fraction.isEmpty ? String(whole) : "\(whole).\(fraction)"
    }
}
