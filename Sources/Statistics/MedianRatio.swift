// SPDX-License-Identifier: Apache-2.0

/// How many times greater one sample's median is than another's, with a bootstrap interval.
public struct MedianRatio: Sendable, Hashable, Codable {
    /// The ratio of the medians.
    public let value: Double
    /// Lower end of the 95 % percentile bootstrap interval (Efron and Tibshirani, "An Introduction to the Bootstrap", 13.3).
    public let lower: Double
    /// Upper end.
    public let upper: Double

    /// Compares two samples; the same samples always give the same interval.
    ///
    /// - Returns: `nil` if one is empty, or the base's median is zero.
    public init?(of values: [Double], to base: [Double], resamples: Int = 2_000) {
        guard let summary = Summary(values), let baseSummary = Summary(base), baseSummary.median != 0 else {
            return nil
        }
        value = summary.median / baseSummary.median
        var generator = SeededGenerator(seed: MedianInterval.seed)
        var ratios: [Double] = []
        for _ in 0..<resamples {
            let numerator = MedianInterval.resampledMedian(values, &generator)
            let denominator = MedianInterval.resampledMedian(base, &generator)
            if denominator != 0 { ratios.append(numerator / denominator) }
        }
        ratios.sort()
        lower = ratios.isEmpty ? value : Summary.percentile(0.025, ofSorted: ratios)
        upper = ratios.isEmpty ? value : Summary.percentile(0.975, ofSorted: ratios)
    }
}
