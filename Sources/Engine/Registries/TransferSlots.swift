// SPDX-License-Identifier: Apache-2.0

/// How many transfers go on at once, so that neither memory nor a registry has to bear all of them.
actor TransferSlots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    /// Whether `enter` has to wait.
    var isFull: Bool { free == 0 }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
