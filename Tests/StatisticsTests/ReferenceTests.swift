// SPDX-License-Identifier: Apache-2.0

import Statistics
import Testing

/// The same samples as computed by SciPy 1.17 and NumPy 2.4.
@Suite("Statistics against SciPy")
struct ReferenceTests {
    private static let first = [
        20.0905, 21.3222, 19.0139, 16.8084, 18.3397, 16.4721, 20.3286, 26.2599, 18.2025, 17.7415, 22.1529, 21.5716,
        20.5135,
        16.6749, 19.9684, 23.0822, 15.3506, 18.3289, 13.7324, 15.5194, 13.8967, 19.163, 15.5881, 21.2053, 20.7252,
        19.3485,
        12.1417, 18.034, 19.8916, 20.5459,
    ]
    private static let second = [
        17.1839, 21.2095, 19.1882, 19.8506, 28.852, 19.8557, 23.1848, 27.8513, 20.7652, 22.8205, 23.8574, 23.6357,
        18.265,
        23.6941, 30.6234, 17.1255, 27.7123, 23.8998, 20.5263, 34.8162, 27.1792, 18.3594, 23.6865, 26.189, 22.4714,
    ]
    private static let tied = [3.0, 3, 4, 5, 5, 5, 6, 7, 8, 8, 9, 9]
    private static let alsoTied = [5.0, 6, 6, 7, 8, 9, 10, 10, 11, 12]

    private func agree(_ value: Double, _ reference: Double, within tolerance: Double = 1e-9) -> Bool {
        abs(value - reference) <= tolerance * max(1, abs(reference))
    }

    @Test("means, deviations and percentiles")
    func summaries() throws {
        let first = try #require(Summary(Self.first))
        #expect(agree(first.mean, 18.733803333333338))
        #expect(agree(first.standardDeviation, 3.0233963508158226))
        #expect(agree(first.percentile25, 16.708275))
        #expect(agree(first.median, 19.08845))
        #expect(agree(first.percentile75, 20.5378))
        #expect(agree(first.percentile95, 22.664015))
        #expect(agree(first.percentile99, 25.338367))
        let second = try #require(Summary(Self.second))
        #expect(agree(second.mean, 23.312116))
        #expect(agree(second.standardDeviation, 4.411727241935219))
        #expect(agree(second.percentile99, 33.809928))
    }

    @Test("the Mann-Whitney test, exact, with ties, and of large samples")
    func mannWhitney() throws {
        let exact = try #require(
            MannWhitney([12.1, 11.8, 12.6, 13.0, 11.9, 12.2, 12.4], [12.9, 13.4, 12.8, 13.1, 14.0, 13.3]))
        #expect(exact.statistic == 2)
        #expect(agree(exact.probability, 0.004662004662004662))
        let ties = try #require(MannWhitney(Self.tied, Self.alsoTied))
        #expect(ties.statistic == 27)
        #expect(agree(ties.probability, 0.030906525327826267))
        let large = try #require(MannWhitney(Self.first, Self.second))
        #expect(large.statistic == 146)
        #expect(agree(large.probability, 0.00011229924563718117))
        #expect(MannWhitney([], [1]) == nil)
        #expect(MannWhitney([1, 1, 1], [1, 1])?.probability == 1)
    }

    @Test("Cliff's delta")
    func cliff() throws {
        let large = try #require(CliffsDelta(Self.first, Self.second))
        #expect(agree(large.value, -0.6106666666666667))
        #expect(large.size == .large)
        #expect(agree(try #require(CliffsDelta(Self.tied, Self.alsoTied)).value, -0.55))
        #expect(CliffsDelta([1, 2], [1, 2])?.size == .negligible)
    }

    /// Resampling draws other samples there and here: the ends agree as far as two such draws do.
    @Test("bootstrap intervals")
    func intervals() throws {
        let first = try #require(MedianInterval(Self.first))
        #expect(agree(first.lower, 17.88775, within: 0.02) && agree(first.upper, 20.20955, within: 0.02))
        let second = try #require(MedianInterval(Self.second))
        #expect(agree(second.lower, 20.5263, within: 0.02) && agree(second.upper, 23.8998, within: 0.02))
        let ratio = try #require(MedianRatio(of: Self.second, to: Self.first))
        #expect(agree(ratio.value, 1.2145983565978378))
        #expect(agree(ratio.lower, 1.0583663, within: 0.02) && agree(ratio.upper, 1.3241744, within: 0.02))
    }
}
