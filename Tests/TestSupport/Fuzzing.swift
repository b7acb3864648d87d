// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Random input that can be had again: the same seed gives the same cases.
///
/// `TANDEM_FUZZ_SECONDS` says how long each target is fed (2 seconds by default), `TANDEM_FUZZ_SEED` where to begin.
public struct Fuzzing: Sendable {
    /// Number of the case at hand; named by a test that fails, to be had again by `TANDEM_FUZZ_SEED`.
    public private(set) var seed: UInt64
    /// The generator of the case at hand.
    public var generator: SplitMix64

    private let end: ContinuousClock.Instant
    private let least: UInt64
    private let first: UInt64

    /// At least `least` cases, and as many more as the time allows.
    public init(least: UInt64 = 200) {
        let environment = ProcessInfo.processInfo.environment
        first = environment["TANDEM_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
        self.least = least
        seed = first &- 1
        generator = SplitMix64(seed: first)
        end = .now + .seconds(environment["TANDEM_FUZZ_SECONDS"].flatMap(Double.init) ?? 2)
    }

    /// Goes on to the next case.
    ///
    /// - Returns: Whether there is one.
    public mutating func next() -> Bool {
        guard seed &+ 1 &- first < least || .now < end else { return false }
        seed &+= 1
        generator = SplitMix64(seed: seed)
        return true
    }

    /// Bytes with some of them changed, taken out, put in or repeated.
    public mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            let place = Int.random(in: 0...result.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0 where place < result.count: result[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1 where place < result.count:
                result[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            case 2: result.removeSubrange(place..<min(result.count, place + Int.random(in: 0...32, using: &generator)))
            case 3: result.insert(contentsOf: random(atMost: 16), at: place)
            case 4:
                let piece = result[place..<min(result.count, place + Int.random(in: 0...64, using: &generator))]
                result.insert(contentsOf: Array(piece), at: Int.random(in: 0...result.count, using: &generator))
            default: if Int.random(in: 0..<4, using: &generator) == 0 { result.removeSubrange(place...) }
            }
        }
        return result
    }

    /// Any bytes.
    public mutating func random(atMost count: Int) -> [UInt8] {
        (0..<Int.random(in: 0...count, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
    }

    /// One of several.
    public mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &generator)]
    }
}

/// Steele, Lea and Flood: Fast splittable pseudorandom number generators (OOPSLA 2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Begins a sequence.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
