// SPDX-License-Identifier: Apache-2.0

extension Duration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
    ]

    /// Parses Go's form of a duration, for example `1m30s`, `1.5h` or `-3ms`, as Docker's flags take it.
    ///
    /// - Returns: `nil` where the text is none, or does not fit 64 bits of nanoseconds.
    public init?(dockerText text: String) {
        var rest = text[...]
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while rest != "0" && !rest.isEmpty {
            let digits = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
            rest = rest.dropFirst(name.count)
            guard let number = Double(digits), let unit = Self.units.first(where: { $0.name == name }) else {
                return nil
            }
            total += number * unit.nanoseconds
        }
        guard total < 0x1p63 else { return nil }
        self = .nanoseconds(isNegative ? -Int64(total) : Int64(total))
    }

    /// The duration in whole nanoseconds, as Docker's API has it.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// Go's form, for example `1m30s`, `500ms` or `0s`.
    public var dockerText: String {
        let whole = nanoseconds
        guard whole >= 0 else { return "-" + Duration.nanoseconds(-whole).dockerText }
        if whole == 0 { return "0s" }
        if whole < 1_000 { return "\(whole)ns" }
        if whole < 1_000_000 { return Self.decimal(whole, 1_000) + "µs" }
        if whole < 1_000_000_000 { return Self.decimal(whole, 1_000_000) + "ms" }
        let minutes = whole / 60_000_000_000
        let seconds = Self.decimal(whole % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return seconds }
        return minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    private static func decimal(_ value: Int64, _ unit: Int64) -> String {
        var fraction = String(unit + value % unit).dropFirst()
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        return fraction.isEmpty ? String(value / unit) : "\(value / unit).\(fraction)"
    }
}
