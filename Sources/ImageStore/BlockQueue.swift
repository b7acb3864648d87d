// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// A few buffers that go round between a thread that fills them and one that uses what is in them.
final class BlockQueue: Sendable {
    /// A piece of memory.
    final class Buffer: @unchecked Sendable {
        // Safety: a buffer is on the queue, or whoever took it from there is the only one that touches it.
        let bytes: UnsafeMutableRawBufferPointer

        init() { bytes = .allocate(byteCount: 1 << 18, alignment: 4_096) }

        deinit { bytes.deallocate() }
    }

    private struct State {
        var free: [Buffer] = []
        var filled: [(buffer: Buffer, count: Int)] = []
        var result: Decompressor.Result?
        var isStopped = false
    }

    private let state = Mutex(State())
    private let filled = DispatchSemaphore(value: 0)
    private let free = DispatchSemaphore(value: 0)

    init(count: Int) { for _ in 0..<count { giveBack(Buffer()) } }

    // MARK: Filling

    /// A buffer to fill; `nil` if nobody wants more.
    func take() -> Buffer? {
        free.wait()
        return state.withLock { $0.isStopped ? nil : $0.free.popLast() }
    }

    func pass(_ buffer: Buffer, count: Int) {
        state.withLock { $0.filled.append((buffer, count)) }
        filled.signal()
    }

    /// Nothing more will come.
    func end(_ result: Decompressor.Result) {
        state.withLock { $0.result = result }
        filled.signal()
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    // MARK: Using

    /// The next buffer and how much is in it; `nil` at the end.
    func next() -> (buffer: Buffer, count: Int)? {
        filled.wait()
        let block = state.withLock { $0.filled.isEmpty ? nil : $0.filled.removeFirst() }
        // The end stays the end for whoever asks again.
        if block == nil { filled.signal() }
        return block
    }

    func giveBack(_ buffer: Buffer) {
        state.withLock { $0.free.append(buffer) }
        free.signal()
    }

    /// Nobody wants more.
    func stop() {
        state.withLock { $0.isStopped = true }
        free.signal()
    }

    /// How it ended; `nil` until then.
    var result: Decompressor.Result? { state.withLock { $0.result } }
}
