// SPDX-License-Identifier: Apache-2.0

import Statistics
import Testing

@Suite("Statistics")
struct StatisticsTests {
    @Test("medians and percentiles are those of the textbooks")
    func summary() throws {
        let summary = try #require(Summary([4, 1, 3, 2]))
        #expect(summary.median == 2.5)
        #expect(summary.minimum == 1)
        #expect(summary.maximum == 4)
        #expect(abs(summary.percentile95 - 3.85) < 1e-12)
        #expect(try #require(Summary([7])).percentile95 == 7)
        #expect(Summary([]) == nil)
    }

    @Test("the interval holds the ratio, narrows with agreement, and is the same every time")
    func ratio() throws {
        let base = (0..<50).map { 100 + Double($0 % 7) }
        let values = base.map { $0 * 3 }
        let ratio = try #require(MedianRatio(of: values, to: base))
        #expect(abs(ratio.value - 3) < 1e-9)
        #expect(ratio.lower <= ratio.value && ratio.value <= ratio.upper)
        #expect(ratio.upper - ratio.lower < 0.2)
        #expect(MedianRatio(of: values, to: base) == ratio)
        #expect(MedianRatio(of: values, to: []) == nil)
        #expect(MedianRatio(of: values, to: [0, 0]) == nil)
    }
}
