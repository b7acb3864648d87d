// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Remembers what happened in which order.
final class Order: Sendable {
    private let list = Mutex<[String]>([])

    func add(_ name: String) { list.withLock { $0.append(name) } }

    var names: [String] { list.withLock { $0 } }
}
