// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Hands pieces of bytes from one task to another, one at a time: the sender waits until its piece has been taken.
final class ByteRelay: Sendable {
    private struct State {
        var piece: [UInt8]?
        var isFinished = false
        var isClosed = false
        var sender: CheckedContinuation<Void, Never>?
        var receiver: CheckedContinuation<[UInt8]?, Never>?
    }

    private let state = Mutex(State())

    /// Hands a piece over, and returns when it has been taken, or nobody will take it any more.
    func send(_ bytes: [UInt8]) async {
        await withCheckedContinuation { continuation in
            var receiver: CheckedContinuation<[UInt8]?, Never>?
            let isDone = state.withLock { state in
                if state.isClosed { return true }
                if let waiting = state.receiver {
                    state.receiver = nil
                    receiver = waiting
                    return true
                }
                state.piece = bytes
                state.sender = continuation
                return false
            }
            receiver?.resume(returning: bytes)
            if isDone { continuation.resume() }
        }
    }

    /// No more pieces will come.
    func finish() {
        let receiver = state.withLock { state in
            state.isFinished = true
            defer { state.receiver = nil }
            return state.receiver
        }
        receiver?.resume(returning: nil)
    }

    /// No more pieces will be taken.
    func close() {
        let sender = state.withLock { state in
            state.isClosed = true
            state.piece = nil
            defer { state.sender = nil }
            return state.sender
        }
        sender?.resume()
    }

    /// The next piece; `nil` after the last one.
    func next() async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            var sender: CheckedContinuation<Void, Never>?
            let known: [UInt8]?? = state.withLock { state in
                if let piece = state.piece {
                    state.piece = nil
                    sender = state.sender
                    state.sender = nil
                    return .some(piece)
                }
                if state.isFinished { return .some(nil) }
                state.receiver = continuation
                return nil
            }
            sender?.resume()
            if let known { continuation.resume(returning: known) }
        }
    }
}
