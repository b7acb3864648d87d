// SPDX-License-Identifier: Apache-2.0

/// What a sample of measurements says.
public struct Summary: Sendable, Hashable, Codable {
    /// How many measurements.
    public let count: Int
    /// The least.
    public let minimum: Double
    /// The greatest.
    public let maximum: Double
    /// The arithmetic mean.
    public let mean: Double
    /// The standard deviation of the sample, with n - 1; zero for one measurement.
    public let standardDeviation: Double
    /// The middle one, or the mean of the two in the middle.
    public let median: Double
    /// The first quartile.
    public let percentile25: Double
    /// The third quartile.
    public let percentile75: Double
    /// The 95th percentile.
    public let percentile95: Double
    /// The 99th percentile.
    public let percentile99: Double

    /// Summarizes measurements.
    ///
    /// - Returns: `nil` for none.
    public init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        count = sorted.count
        minimum = first
        maximum = last
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        self.mean = mean
        let squares = sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        standardDeviation = sorted.count > 1 ? (squares / Double(sorted.count - 1)).squareRoot() : 0
        median = Self.percentile(0.5, ofSorted: sorted)
        percentile25 = Self.percentile(0.25, ofSorted: sorted)
        percentile75 = Self.percentile(0.75, ofSorted: sorted)
        percentile95 = Self.percentile(0.95, ofSorted: sorted)
        percentile99 = Self.percentile(0.99, ofSorted: sorted)
    }

    /// A percentile with linear interpolation (Hyndman and Fan, "Sample Quantiles in Statistical Packages", type 7).
    public static func percentile(_ fraction: Double, ofSorted sorted: [Double]) -> Double {
        let position = fraction * Double(sorted.count - 1)
        let lower = Int(position)
        guard lower + 1 < sorted.count else { return sorted[sorted.count - 1] }
        return sorted[lower] + (position - Double(lower)) * (sorted[lower + 1] - sorted[lower])
    }
}
