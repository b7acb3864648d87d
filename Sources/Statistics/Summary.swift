// SPDX-License-Identifier: Apache-2.0

/// What a sample of measurements says.
public struct Summary: Sendable, Hashable, Codable {
    /// How many measurements.
    public let count: Int
    /// The least.
    public let minimum: Double
    /// The greatest.
    public let maximum: Double
    /// The middle one, or the mean of the two in the middle.
    public let median: Double
    /// The 95th percentile.
    public let percentile95: Double

    /// Summarizes measurements.
    ///
    /// - Returns: `nil` for none.
    public init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        count = sorted.count
        minimum = first
        maximum = last
        median = Self.percentile(0.5, ofSorted: sorted)
        percentile95 = Self.percentile(0.95, ofSorted: sorted)
    }

    /// A percentile with linear interpolation (Hyndman and Fan, "Sample Quantiles in Statistical Packages", type 7).
    public static func percentile(_ fraction: Double, ofSorted sorted: [Double]) -> Double {
        let position = fraction * Double(sorted.count - 1)
        let lower = Int(position)
        guard lower + 1 < sorted.count else { return sorted[sorted.count - 1] }
        return sorted[lower] + (position - Double(lower)) * (sorted[lower + 1] - sorted[lower])
    }
}
