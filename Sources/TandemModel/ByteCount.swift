// SPDX-License-Identifier: Apache-2.0

/// A number of bytes.
public struct ByteCount: Hashable, Comparable, Sendable, Codable {
    /// The number of bytes.
    public let bytes: UInt64

    /// Wraps a number of bytes.
    public init(_ bytes: UInt64) { self.bytes = bytes }

    /// A number of binary kilobytes (1,024 bytes each).
    public static func kibibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 10) }

    /// A number of binary megabytes (1,048,576 bytes each).
    public static func mebibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 20) }

    /// Parses what Docker accepts for `-m`: a decimal number and one of the suffixes b, k, m, g, t (powers of 1,024),
    /// also written `kb` or `kib`, in either case.
    ///
    /// - Returns: `nil` where the text is no such quantity, is negative, or does not fit 64 bits.
    public init?(dockerText text: String) {
        var digits = Substring(text.lowercased())
        if digits.hasSuffix("ib") {
            digits = digits.dropLast(2)
        } else if digits.hasSuffix("b") {
            digits = digits.dropLast()
        }
        let shifts: [Character: UInt64] = ["k": 10, "m": 20, "g": 30, "t": 40, "p": 50]
        var shift: UInt64 = 0
        if let last = digits.last, let found = shifts[last] {
            shift = found
            digits = digits.dropLast()
        }
        guard let first = digits.first, first.isASCII, first.isNumber else { return nil }
        if let whole = UInt64(digits) {
            let (value, overflow) = whole.multipliedReportingOverflow(by: 1 << shift)
            guard !overflow else { return nil }
            self.init(value)
        } else if digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(digits) {
            let value = (number * Double(UInt64(1) << shift)).rounded(.down)
            guard value < 0x1p64 else { return nil }
            self.init(UInt64(value))
        } else {
            return nil
        }
    }

    /// Orders by the number of bytes.
    public static func < (lhs: ByteCount, rhs: ByteCount) -> Bool { lhs.bytes < rhs.bytes }

    /// Decodes from a single integer.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(UInt64.self))
    }

    /// Encodes as a single integer.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
