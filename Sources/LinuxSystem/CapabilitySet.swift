// SPDX-License-Identifier: Apache-2.0

import CLibcap

/// A set of capabilities (capabilities(7)): bit n stands for capability n.
public struct CapabilitySet: OptionSet, Hashable, Sendable {
    /// The bit mask.
    public let rawValue: UInt64
    /// Wraps a bit mask.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Every capability that this kernel knows.
    public static let all: CapabilitySet = {
        var bits: UInt64 = 0
        for number in 0..<64 where cap_get_bound(cap_value_t(number)) >= 0 { bits |= 1 << UInt64(number) }
        return CapabilitySet(rawValue: bits)
    }()

    /// Docker's default set.
    public static let standard: CapabilitySet = [
        .named("CHOWN"), .named("DAC_OVERRIDE"), .named("FSETID"), .named("FOWNER"), .named("MKNOD"), .named("NET_RAW"),
        .named("SETGID"), .named("SETUID"), .named("SETFCAP"), .named("SETPCAP"), .named("NET_BIND_SERVICE"),
        .named("SYS_CHROOT"), .named("KILL"), .named("AUDIT_WRITE"),
    ]

    /// A capability by its name with or without `CAP_`, in either case; `ALL` is every one.
    ///
    /// - Returns: `nil` if there is no such capability.
    public init?(name: String) {
        let upper = name.uppercased()
        if upper == "ALL" || upper == "CAP_ALL" {
            self = .all
            return
        }
        var number: cap_value_t = 0
        let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        guard cap_from_name(full.lowercased(), &number) == 0 else { return nil }
        self.init(rawValue: 1 << UInt64(number))
    }

    /// The names of the members, with `CAP_`, in the order of their numbers.
    public var names: [String] {
        (0..<64).compactMap { number in
            guard rawValue & (1 << UInt64(number)) != 0, let name = cap_to_name(cap_value_t(number)) else { return nil }
            defer { cap_free(name) }
            return String(cString: name).uppercased()
        }
    }

    /// A capability that every libcap knows; none if it does not after all.
    private static func named(_ name: String) -> CapabilitySet { CapabilitySet(name: name) ?? [] }
}
