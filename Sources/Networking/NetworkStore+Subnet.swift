// SPDX-License-Identifier: Apache-2.0

import Logging
import Netlink
import TandemModel

extension NetworkStore {
    /// The network with a subnet that nothing else of the host has taken since the network was made, as Docker's own bridge
    /// does: two interfaces with one subnet would share its packets by chance.
    ///
    /// The default network, whose subnet nobody has chosen, gets another one.
    func withOwnSubnet(_ record: NetworkRecord, _ state: inout State) throws(EngineError) -> NetworkRecord {
        guard !state.ready.contains(record.id), record.driver == .bridge || record.driver == .vxlan else {
            return record
        }
        guard try !hasLink(record) else { return record }  // an earlier daemon's, whose route is its own
        let routes = try hostNetworks()
        if record.isDefault {
            guard record.pools.contains(where: { pool in routes.contains { $0.overlaps(pool.subnet) } }) else {
                return record
            }
            var moved = record
            moved.pools = [try freePool(state)]
            try records.save(moved)
            state.add(moved)
            let names = [moved, record].map { $0.pools.map { "\($0.subnet)" }.joined(separator: ", ") }
            logger.notice("the network '\(record.name)' is \(names[0]) now: the host has something else on \(names[1])")
            return moved
        }
        // A wider route is no harm, and may be what somebody wants: the narrower one is taken.
        if let taken = record.pools.map(\.subnet).first(where: { routes.contains($0) }) {
            throw EngineError(
                .conflict,
                "the network '\(record.name)' has the subnet \(taken), and so has another interface of the host",
                hint: "`ip route` shows which; remove one of the two, and make it anew with another subnet.")
        }
        return record
    }

    private func hasLink(_ record: NetworkRecord) throws(EngineError) -> Bool {
        do throws(NetlinkFailure) {
            return try NetlinkSocket().link(named: Array(link(of: record).utf8)) != nil
        } catch {
            throw Self.failure("the bridge of the network '\(record.name)' cannot be looked up", error)
        }
    }
}
