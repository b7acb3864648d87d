// SPDX-License-Identifier: Apache-2.0

/// What can be said of one sample against another.
public struct Difference: Sendable, Hashable, Codable {
    /// The answer.
    public enum Verdict: String, Sendable, Hashable, Codable {
        /// Its median is greater.
        case greater
        /// Its median is less.
        case less
        /// The medians differ by less than the margin, if at all.
        case same
        /// The samples scatter too much to say either.
        case tooNoisy
        /// There are fewer than five measurements of one.
        case tooFew
    }

    /// The ratio of the medians.
    public let ratio: MedianRatio
    /// The test for a difference.
    public let test: MannWhitney
    /// Its size.
    public let delta: CliffsDelta
    /// The answer.
    public let verdict: Verdict

    /// Compares a sample with a base.
    ///
    /// A difference has to be seen by the test, at 5 %, and by the interval of the ratio. `margin` is the part of the base
    /// below which a difference does not matter.
    ///
    /// - Returns: `nil` if one is empty, or the base's median is zero.
    public init?(of values: [Double], to base: [Double], margin: Double = 0.02) {
        guard let ratio = MedianRatio(of: values, to: base), let test = MannWhitney(values, base),
            let delta = CliffsDelta(values, base)
        else { return nil }
        self.ratio = ratio
        self.test = test
        self.delta = delta
        let isSeen = test.probability < 0.05 && (ratio.lower > 1 || ratio.upper < 1)
        let isWithinMargin = ratio.lower >= 1 - margin && ratio.upper <= 1 + margin
        verdict =
            if min(values.count, base.count) < 5 {
                .tooFew
            } else if isWithinMargin {
                .same
            } else if isSeen {
                ratio.value > 1 ? .greater : .less
            } else {
                .tooNoisy
            }
    }
}
