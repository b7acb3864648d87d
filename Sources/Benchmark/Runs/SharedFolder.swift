// SPDX-License-Identifier: Apache-2.0

/// A folder of the host that a workload gets.
struct SharedFolder: Sendable {
    let path: String

    func remove() async { await HostFiles.remove(path) }
}
