// SPDX-License-Identifier: Apache-2.0

import Glibc
import Statistics
import Testing

/// Samples of which the truth is known.
@Suite("Differences")
struct DifferenceTests {
    /// Lognormal noise around a level, as run times have it (Box and Muller, 1958).
    private func sample(_ count: Int, level: Double, noise: Double, seed: UInt64) -> [Double] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let first = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
            let second = Double.random(in: 0..<1, using: &generator)
            return level * exp(noise * (-2 * log(first)).squareRoot() * cos(2 * .pi * second))
        }
    }

    @Test("a slowdown of 2 % is found where the noise is 1 %, and none where there is none")
    func slowdown() throws {
        var found = 0
        var invented = 0
        for seed: UInt64 in 0..<24 {
            let base = sample(40, level: 100, noise: 0.01, seed: 1_000 + seed)
            let slower = sample(40, level: 102, noise: 0.01, seed: 2_000 + seed)
            let same = sample(40, level: 100, noise: 0.01, seed: 3_000 + seed)
            if try #require(Difference(of: slower, to: base, margin: 0.005)).verdict == .greater { found += 1 }
            let verdict = try #require(Difference(of: same, to: base, margin: 0.005)).verdict
            if verdict == .greater || verdict == .less { invented += 1 }
        }
        #expect(found >= 23)
        #expect(invented <= 3)
    }

    @Test("agreement, noise and a lack of measurements have words of their own")
    func verdicts() throws {
        let base = sample(30, level: 100, noise: 0.01, seed: 1)
        #expect(Difference(of: sample(30, level: 100, noise: 0.01, seed: 2), to: base)?.verdict == .same)
        let noisy = sample(8, level: 100, noise: 0.4, seed: 3)
        #expect(Difference(of: noisy, to: sample(8, level: 100, noise: 0.4, seed: 4))?.verdict == .tooNoisy)
        #expect(Difference(of: [1, 2, 3, 4], to: base)?.verdict == .tooFew)
        #expect(Difference(of: sample(30, level: 50, noise: 0.01, seed: 5), to: base)?.verdict == .less)
        #expect(Difference(of: [], to: base) == nil)
    }

    @Test("outliers are counted by Tukey's fences, with their effect on the mean")
    func outliers() throws {
        let plain = try #require(Outliers([10, 11, 12, 13, 14, 15, 16]))
        #expect(plain.count == 0)
        #expect(plain.effect == .unaffected)
        // Quartiles 11.5 and 14.5 with fences at 7, 2.5, 19 and 23.5.
        let some = try #require(Outliers([1, 6, 11, 12, 12, 13, 14, 14, 15, 20, 60]))
        #expect(some.lowSevere == 1)
        #expect(some.lowMild == 1)
        #expect(some.highMild == 1)
        #expect(some.highSevere == 1)
        #expect(some.effect == .moderate)
        #expect(Outliers([1, 2, 3]) == nil)
    }

    @Test("the same seed draws the same numbers: those of the algorithm's authors")
    func generator() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }
}
