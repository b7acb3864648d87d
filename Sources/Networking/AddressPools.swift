// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// The subnets from which networks get theirs if nobody chooses: those of Docker, in its order.
enum AddressPools {
    private static let ranges: [(range: String, prefix: Int)] = [
        ("172.17.0.0/16", 16), ("172.18.0.0/15", 16), ("172.20.0.0/14", 16), ("172.24.0.0/14", 16),
        ("172.28.0.0/14", 16), ("192.168.0.0/16", 20),
    ]

    /// The first subnet that has no address in common with any of `taken`.
    static func first(avoiding taken: [IPNetwork]) -> IPNetwork? {
        for (text, prefix) in ranges {
            guard let range = IPNetwork(text) else { continue }
            var index = 0
            while let part = range.part(index, prefix: prefix) {
                if !taken.contains(where: { $0.overlaps(part) }) { return part }
                index += 1
            }
        }
        return nil
    }

    /// A subnet of IPv6 for one site (RFC 4193), with random digits.
    static func uniqueLocal() -> IPNetwork {
        let random = (0..<5).map { _ in UInt8.random(in: 0...255) }
        return IPNetwork(IPAddress(bytes: [0xFD] + random + [UInt8](repeating: 0, count: 10)), prefix: 64)
    }
}
