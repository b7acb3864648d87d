// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether one sample tends to be greater than another, whatever their distributions (Mann and Whitney, 1947).
public struct MannWhitney: Sendable, Hashable, Codable {
    /// In how many pairs the first sample's value is greater; ties count half.
    public let statistic: Double
    /// The two-sided probability of a statistic as far from the middle, if there were no difference.
    public let probability: Double

    /// Tests two samples.
    ///
    /// The distribution is exact for samples without ties of which one has at most eight values; otherwise the normal
    /// approximation with corrections for ties and continuity.
    ///
    /// - Returns: `nil` if one is empty.
    public init?(_ first: [Double], _ second: [Double]) {
        guard !first.isEmpty, !second.isEmpty else { return nil }
        let (m, n) = (first.count, second.count)
        let (ranks, tieCubes) = Self.ranks(first + second)
        let rankSum = ranks[..<m].reduce(0, +)
        statistic = rankSum - Double(m * (m + 1)) / 2
        let greater = max(statistic, Double(m * n) - statistic)
        if tieCubes == 0 && min(m, n) <= 8 {
            probability = min(1, 2 * Self.exactTail(Int(greater), m, n))
        } else {
            let total = Double(m + n)
            let middle = Double(m * n) / 2
            let variance = Double(m * n) / 12 * (total + 1 - tieCubes / (total * (total - 1)))
            let distance = (greater - middle - 0.5) / variance.squareRoot()
            // Without variance, all values are equal.
            probability = variance <= 0 ? 1 : min(1, erfc(distance / 2.0.squareRoot()))
        }
    }

    /// The ranks from 1 on, ties sharing their mean, and the sum of t³ - t over the groups of t ties.
    private static func ranks(_ values: [Double]) -> (ranks: [Double], tieCubes: Double) {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var cubes = 0.0
        var start = 0
        while start < order.count {
            var end = start
            while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
            for index in start...end { ranks[order[index]] = Double(start + end) / 2 + 1 }
            let ties = Double(end - start + 1)
            cubes += ties * ties * ties - ties
            start = end + 1
        }
        return (ranks, cubes)
    }

    /// The probability of a statistic of at least `least`.
    ///
    /// Counts the ways to choose `m` of the `m + n` ranks by the sum of their excess, one rank after another.
    private static func exactTail(_ least: Int, _ m: Int, _ n: Int) -> Double {
        // counts[k][u]: ways to choose k of the ranks so far with a statistic of u.
        var counts = [[Double]](repeating: [Double](repeating: 0, count: m * n + 1), count: m + 1)
        counts[0][0] = 1
        for rank in 1...(m + n) {
            for chosen in stride(from: min(rank, m), through: 1, by: -1) {
                let excess = rank - chosen
                guard excess <= n else { continue }
                for sum in stride(from: m * n, through: excess, by: -1) {
                    counts[chosen][sum] += counts[chosen - 1][sum - excess]
                }
            }
        }
        let all = counts[m].reduce(0, +)
        return counts[m][least...].reduce(0, +) / all
    }
}
