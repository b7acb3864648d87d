// SPDX-License-Identifier: Apache-2.0

import Glibc
import Netlink
import TandemModel

extension NetworkStore {
    /// The tunnel's link of a network of the vxlan driver.
    static func tunnelName(_ record: NetworkRecord) -> String { "vx-\(record.id.prefix(12))" }

    /// Joins a network's bridge with those of the other hosts that it names.
    func makeTunnel(
        _ record: NetworkRecord, bridge: UInt32, _ socket: borrowing NetlinkSocket
    ) throws(NetlinkFailure) {
        var link = NewLink(name: Array(Self.tunnelName(record).utf8))
        link.group = scope.group
        link.master = bridge
        let local = record.options["vxlan.local"].flatMap { IPAddress($0) }
        try socket.perform(
            .makeVXLAN(
                link, identifier: UInt32(record.options["vxlan.id"] ?? "") ?? 0,
                port: UInt16(record.options["vxlan.port"] ?? "") ?? 4789, local: local?.bytes ?? []))
        guard let made = try socket.link(named: link.name) else { throw NetlinkFailure(errno: ENODEV) }
        try socket.perform(peers(of: record).map { NetlinkMessage.floodTo($0.bytes, over: made.index) })
    }

    private func peers(of record: NetworkRecord) -> [IPAddress] {
        (record.options["vxlan.peers"] ?? "").split(whereSeparator: { ", ".contains($0) }).compactMap {
            IPAddress(String($0))
        }
    }
}
