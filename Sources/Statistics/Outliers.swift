// SPDX-License-Identifier: Apache-2.0

/// Measurements far from the others, by Tukey's fences ("Exploratory Data Analysis", 1977).
public struct Outliers: Sendable, Hashable, Codable {
    /// How much they move the mean.
    public enum Effect: String, Sendable, Hashable, Codable {
        /// Less than 1 %.
        case unaffected
        /// Less than 10 %.
        case slight
        /// Less than 50 %.
        case moderate
        /// 50 % and more.
        case severe
    }

    /// Below the first quartile by more than three times the distance between the quartiles.
    public let lowSevere: Int
    /// Below it by more than one and a half times.
    public let lowMild: Int
    /// Above the third quartile by more than one and a half times.
    public let highMild: Int
    /// Above it by more than three times.
    public let highSevere: Int
    /// How far the mean of all lies from the mean of those inside the fences.
    public let effect: Effect

    /// All of them.
    public var count: Int { lowSevere + lowMild + highMild + highSevere }

    /// Looks for them.
    ///
    /// - Returns: `nil` for fewer than four measurements, whose quartiles say nothing.
    public init?(_ values: [Double]) {
        guard values.count >= 4, let summary = Summary(values) else { return nil }
        let spread = summary.percentile75 - summary.percentile25
        let (mildLow, severeLow) = (summary.percentile25 - 1.5 * spread, summary.percentile25 - 3 * spread)
        let (mildHigh, severeHigh) = (summary.percentile75 + 1.5 * spread, summary.percentile75 + 3 * spread)
        lowSevere = values.count { $0 < severeLow }
        lowMild = values.count { $0 >= severeLow && $0 < mildLow }
        highMild = values.count { $0 > mildHigh && $0 <= severeHigh }
        highSevere = values.count { $0 > severeHigh }
        let inside = values.filter { $0 >= mildLow && $0 <= mildHigh }
        let trimmed = inside.reduce(0, +) / Double(inside.count)
        let shift = trimmed == 0 ? 0 : abs(summary.mean - trimmed) / abs(trimmed)
        effect = shift < 0.01 ? .unaffected : shift < 0.1 ? .slight : shift < 0.5 ? .moderate : .severe
    }
}
