// SPDX-License-Identifier: Apache-2.0

import ImageStore
import Synchronization
import TandemModel

/// The layers that come in at the moment: whoever wants one that somebody else fetches already waits for that.
actor LayerTransfers {
    /// One layer on its way, until the last who wants it has gone.
    final class Transfer: Sendable {
        private struct State {
            var last: TransferMessage?
            var lastTime: ContinuousClock.Instant = .now
            var watchers: [Int: AsyncStream<TransferMessage>.Continuation] = [:]
            var nextWatcher = 0
            var isDone = false
        }

        private let state = Mutex(State())

        /// Tells everyone who watches; of a step's progress only so much as people can follow.
        func report(_ message: TransferMessage) {
            let watchers = state.withLock { state -> [AsyncStream<TransferMessage>.Continuation] in
                let isSameStep = state.last?.status == message.status
                if isSameStep, ContinuousClock.now - state.lastTime < .milliseconds(100) { return [] }
                state.last = message
                state.lastTime = .now
                return Array(state.watchers.values)
            }
            for watcher in watchers { watcher.yield(message) }
        }

        func finish() {
            let watchers = state.withLock { state in
                state.isDone = true
                defer { state.watchers = [:] }
                return Array(state.watchers.values)
            }
            for watcher in watchers { watcher.finish() }
        }

        /// What happens from now on, until the end.
        func watch() -> AsyncStream<TransferMessage> {
            let (stream, continuation) = AsyncStream.makeStream(
                of: TransferMessage.self, bufferingPolicy: .bufferingNewest(16))
            let (last, isDone) = state.withLock { state in
                if !state.isDone {
                    state.watchers[state.nextWatcher] = continuation
                    state.nextWatcher += 1
                }
                return (state.last, state.isDone)
            }
            if let last { continuation.yield(last) }
            if isDone { continuation.finish() }
            return stream
        }
    }

    private struct Entry {
        var transfer: Transfer
        var task: Task<Result<StagedLayer, EngineError>, Never>
        var users: Int
    }

    private var entries: [String: Entry] = [:]

    /// Digests of blobs that are being fetched.
    var digests: Set<String> { Set(entries.keys) }

    /// Has a layer fetched, unless that happens already; every call needs its `leave`.
    func join(
        _ digest: String, _ fetch: @escaping @Sendable (Transfer) async -> Result<StagedLayer, EngineError>
    ) -> (Transfer, Task<Result<StagedLayer, EngineError>, Never>) {
        if var entry = entries[digest] {
            entry.users += 1
            entries[digest] = entry
            return (entry.transfer, entry.task)
        }
        let transfer = Transfer()
        let task = Task {
            let result = await fetch(transfer)
            transfer.finish()
            return result
        }
        entries[digest] = Entry(transfer: transfer, task: task, users: 1)
        return (transfer, task)
    }

    /// Does without a layer; the last one to go takes what has been made of it along.
    func leave(_ digest: String, discard: @Sendable (StagedLayer) async -> Void) async {
        guard var entry = entries[digest] else { return }
        entry.users -= 1
        guard entry.users == 0 else {
            entries[digest] = entry
            return
        }
        entries[digest] = nil
        entry.task.cancel()
        if case .success(let layer) = await entry.task.value { await discard(layer) }
    }
}
