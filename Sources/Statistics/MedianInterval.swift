// SPDX-License-Identifier: Apache-2.0

/// A median with a bootstrap interval.
public struct MedianInterval: Sendable, Hashable, Codable {
    /// The median.
    public let value: Double
    /// Lower end of the 95 % percentile bootstrap interval (Efron and Tibshirani, "An Introduction to the Bootstrap", 13.3).
    public let lower: Double
    /// Upper end.
    public let upper: Double

    /// Half of the interval's width, as a part of the median; infinite for a median of zero with a width.
    public var relativeHalfWidth: Double {
        if upper == lower { return 0 }
        return value == 0 ? .infinity : (upper - lower) / 2 / abs(value)
    }

    /// Computes it; the same sample always gives the same interval.
    ///
    /// - Returns: `nil` for an empty sample.
    public init?(_ values: [Double], resamples: Int = 2_000) {
        guard let summary = Summary(values) else { return nil }
        value = summary.median
        guard values.count > 1 else {
            (lower, upper) = (value, value)
            return
        }
        var generator = SeededGenerator(seed: Self.seed)
        let medians = (0..<resamples).map { _ in Self.resampledMedian(values, &generator) }.sorted()
        lower = Summary.percentile(0.025, ofSorted: medians)
        upper = Summary.percentile(0.975, ofSorted: medians)
    }

    static let seed: UInt64 = 20_150_329

    static func resampledMedian(_ values: [Double], _ generator: inout SeededGenerator) -> Double {
        let drawn = values.indices.map { _ in values[Int.random(in: 0..<values.count, using: &generator)] }.sorted()
        return Summary.percentile(0.5, ofSorted: drawn)
    }
}
