// SPDX-License-Identifier: Apache-2.0

/// How far two samples lie apart, from -1 (every first value is less) to 1 (every first value is greater).
///
/// Cliff, "Dominance statistics", 1993; the names of the sizes are those of Romano et al., 2006.
public struct CliffsDelta: Sendable, Hashable, Codable {
    /// What people call such a difference.
    public enum Size: String, Sendable, Hashable, Codable {
        /// Below 0.147.
        case negligible
        /// Below 0.33.
        case small
        /// Below 0.474.
        case medium
        /// The rest.
        case large
    }

    /// The share of pairs in which the first value is greater, less the share in which it is less.
    public let value: Double

    /// What people call it.
    public var size: Size {
        switch abs(value) {
        case ..<0.147: .negligible
        case ..<0.33: .small
        case ..<0.474: .medium
        default: .large
        }
    }

    /// Compares two samples.
    ///
    /// - Returns: `nil` if one is empty.
    public init?(_ first: [Double], _ second: [Double]) {
        guard let test = MannWhitney(first, second) else { return nil }
        value = 2 * test.statistic / Double(first.count * second.count) - 1
    }
}
