// SPDX-License-Identifier: Apache-2.0

/// Lets one operation on a workload pass at a time, in the order in which they came.
///
/// An actor's methods may interleave at every `await`; a start must not meet a removal half-way.
final class Gate {
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter(isolation: isolated any Actor = #isolation) async {
        guard isBusy else {
            isBusy = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty {
            isBusy = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
