// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An address of IPv4 or IPv6.
public struct IPAddress: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// Four bytes, or sixteen.
    public let bytes: [UInt8]

    /// Wraps four or sixteen bytes.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads the usual text.
    ///
    /// - Returns: `nil` for anything else.
    public init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &buffer) == 1 {
            bytes = Array(buffer.prefix(4))
        } else if inet_pton(AF_INET6, text, &buffer) == 1 {
            bytes = buffer
        } else {
            return nil
        }
    }

    /// The address as a number, in a family of its own.
    init(number: UInt128, isIPv6: Bool) {
        bytes = (0..<(isIPv6 ? 16 : 4)).reversed().map { UInt8(truncatingIfNeeded: number >> UInt128(8 * $0)) }
    }

    /// Whether it is of IPv6.
    public var isIPv6: Bool { bytes.count == 16 }

    var number: UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }

    /// The usual text.
    public var description: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &buffer, socklen_t(buffer.count)) != nil else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// IPv4 first, then by number.
    public static func < (one: IPAddress, other: IPAddress) -> Bool {
        one.isIPv6 == other.isIPv6 ? one.number < other.number : other.isIPv6
    }

    /// Whether it means every address of the host.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// Whether it is the host itself.
    public var isLoopback: Bool { isIPv6 ? number == 1 : bytes[0] == 127 }

    /// Reads the text.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let address = IPAddress(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no address"))
        }
        self = address
    }

    /// Writes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A range of addresses that begin alike, as `172.17.0.0/16`.
public struct IPNetwork: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The first address.
    public let address: IPAddress
    /// How many bits all have in common.
    public let prefix: Int

    /// The network that an address is in.
    public init(_ address: IPAddress, prefix: Int) {
        let width = address.bytes.count * 8
        self.prefix = min(max(0, prefix), width)
        let host = Self.hostMask(width - self.prefix)
        self.address = IPAddress(number: address.number & ~host, isIPv6: address.isIPv6)
    }

    /// Reads `ADDRESS/PREFIX`.
    ///
    /// - Returns: `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let prefix = Int(parts[1]),
            (0...(address.bytes.count * 8)).contains(prefix)
        else { return nil }
        self.init(address, prefix: prefix)
    }

    private static func hostMask(_ bits: Int) -> UInt128 { bits >= 128 ? .max : (1 << UInt128(bits)) - 1 }

    private var host: UInt128 { Self.hostMask(address.bytes.count * 8 - prefix) }

    /// `ADDRESS/PREFIX`.
    public var description: String { "\(address)/\(prefix)" }

    /// The last address.
    public var last: IPAddress { IPAddress(number: address.number | host, isIPv6: address.isIPv6) }

    /// How many addresses there are, as far as that can be counted.
    public var count: UInt128 { host == .max ? .max : host + 1 }

    /// Whether an address is in it.
    public func contains(_ other: IPAddress) -> Bool {
        other.isIPv6 == address.isIPv6 && other.number & ~host == address.number
    }

    /// Whether a whole network is in it.
    public func contains(_ other: IPNetwork) -> Bool { other.prefix >= prefix && contains(other.address) }

    /// Whether the two have addresses in common.
    public func overlaps(_ other: IPNetwork) -> Bool { contains(other.address) || other.contains(address) }

    /// The address at a place; `nil` beyond the end.
    public func address(at offset: UInt128) -> IPAddress? {
        offset < count ? IPAddress(number: address.number + offset, isIPv6: address.isIPv6) : nil
    }

    /// The part of a given length at a place; `nil` beyond the end.
    public func part(_ index: Int, prefix: Int) -> IPNetwork? {
        let width = address.bytes.count * 8
        guard prefix >= self.prefix, prefix <= width else { return nil }
        let step = UInt128(1) << UInt128(width - prefix)
        guard UInt128(index) * step < count else { return nil }
        return IPNetwork(
            IPAddress(number: address.number + UInt128(index) * step, isIPv6: address.isIPv6), prefix: prefix)
    }

    /// Reads the text.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let network = IPNetwork(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no network"))
        }
        self = network
    }

    /// Writes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
