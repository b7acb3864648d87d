// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// The names that one daemon uses on a host where there may be others.
public struct NetworkScope: Sendable {
    /// Eight hexadecimal digits that no other daemon of the host has.
    let digits: String
    /// Whether it is the host's usual daemon, whose names are short.
    let isUsual: Bool

    /// Describes a daemon.
    public init(digits: String, isUsual: Bool) {
        self.digits = digits
        self.isUsual = isUsual
    }

    /// The number by which its links are found again.
    public var group: UInt32 { UInt32(digits, radix: 16).map { $0 == 0 ? 1 : $0 } ?? 1 }

    /// The table of nftables.
    var table: String { isUsual ? "tandem" : "tandem-\(digits)" }

    /// The default network's bridge.
    var defaultBridge: String { isUsual ? "tandem0" : "td-\(digits)" }

    /// The link of a workload's interface on the host: at most 15 bytes.
    static func link(of workload: WorkloadID, _ number: Int) -> String {
        "tv\(workload.description.prefix(9))-\(number)"
    }
}
