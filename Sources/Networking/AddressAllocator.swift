// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Which addresses of a pool are taken.
struct AddressAllocator: Sendable {
    let pool: AddressPool
    private var taken: Set<IPAddress> = []
    /// No address of the range below this place is free.
    private var next: UInt128 = 0

    init(_ pool: AddressPool) {
        self.pool = pool
        taken = Set(pool.auxiliary.values)
        taken.insert(pool.gateway)
        let hostBits = pool.subnet.address.bytes.count * 8 - pool.subnet.prefix
        guard hostBits > 1 else { return }
        // The network's own address, and that of everybody in it.
        taken.insert(pool.subnet.address)
        if !pool.subnet.address.isIPv6 { taken.insert(pool.subnet.last) }
    }

    /// Takes the first free address.
    ///
    /// - Returns: `nil` if there is none.
    mutating func takeNext() -> IPAddress? {
        let range = pool.range ?? pool.subnet
        while let address = range.address(at: next) {
            next += 1
            if taken.insert(address).inserted { return address }
        }
        return nil
    }

    /// Takes a given address of the subnet.
    ///
    /// - Returns: Whether it was free.
    mutating func take(_ address: IPAddress) -> Bool { taken.insert(address).inserted }

    /// Gives an address back.
    mutating func release(_ address: IPAddress) {
        guard address != pool.gateway, !pool.auxiliary.values.contains(address) else { return }
        taken.remove(address)
        let range = pool.range ?? pool.subnet
        var low: UInt128 = 0
        var high = next
        // The place of the address in the range, if it has one below `next`.
        while low < high {
            let middle = low + (high - low) / 2
            guard let candidate = range.address(at: middle) else { break }
            if candidate < address { low = middle + 1 } else { high = middle }
        }
        if low < next, range.address(at: low) == address { next = low }
    }
}
