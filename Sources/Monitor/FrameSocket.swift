// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import LaunchProtocol
import Synchronization

/// Frames in both directions over a UNIX socket, without a thread of its own.
final class FrameSocket: Sendable {
    private struct State {
        var decoder = FrameDecoder()
        var outgoing: Bytes = []
        var sent = 0
        var reader: (any DispatchSourceRead)?
        /// Reads what there is; gone with the connection.
        var receive: (@Sendable () -> Void)?
        var writer: (any DispatchSourceWrite)?
        var isPaused = false
        var isClosed = false
        var waitingForRoom: [CheckedContinuation<Void, Never>] = []
    }

    /// Senders wait while more than this is queued.
    private static let highWater = 1 << 18

    private let descriptor: Int32
    private let queue = DispatchQueue(label: "tandem.monitor", qos: .userInitiated)
    private let state = Mutex(State())

    /// Takes over a connected socket.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = tandem_set_nonblocking(descriptor, 1)
    }

    /// Begins to read.
    ///
    /// Both handlers are called one at a time and in order; `onClosed` comes last and once, also after `close()`.
    func open(onFrame: @escaping @Sendable (Frame) -> Void, onClosed: @escaping @Sendable () -> Void) {
        let descriptor = descriptor
        let receive: @Sendable () -> Void = { [self] in self.receive(onFrame) }
        state.withLock { state in
            let reader = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            state.receive = receive
            reader.setEventHandler(handler: receive)
            reader.setCancelHandler {
                Glibc.close(descriptor)
                onClosed()
            }
            state.reader = reader
            reader.resume()
        }
    }

    /// Sends a frame now or as soon as there is room.
    func send(_ frame: Frame) {
        state.withLock { state in
            guard !state.isClosed else { return }
            let wasEmpty = state.sent == state.outgoing.count
            state.outgoing += frame.encoded()
            if wasEmpty { flush(&state) }
        }
    }

    /// Sends a frame and waits until the queue is short again.
    func sendWithBackPressure(_ frame: Frame) async {
        send(frame)
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                guard !state.isClosed, state.outgoing.count - state.sent > Self.highWater else { return false }
                state.waitingForRoom.append(continuation)
                return true
            }
            if !mustWait { continuation.resume() }
        }
    }

    /// Stops or goes on reading, so that the other side feels back-pressure.
    func setPaused(_ paused: Bool) {
        state.withLock { state in
            guard !state.isClosed, paused != state.isPaused, let reader = state.reader else { return }
            state.isPaused = paused
            guard !paused else { return reader.suspend() }
            reader.resume()
            // A hang-up meanwhile has been the source's last event, see `receive`.
            if let receive = state.receive { queue.async(execute: receive) }
        }
    }

    /// Ends the connection at once.
    func close() {
        let waiting = state.withLock { state in
            guard !state.isClosed else { return [CheckedContinuation<Void, Never>]() }
            state.isClosed = true
            shutdown(descriptor, Int32(SHUT_RDWR))
            // A suspended source never runs its cancel handler.
            if state.isPaused { state.reader?.resume() }
            state.reader?.cancel()
            state.writer?.cancel()
            if state.reader == nil { Glibc.close(descriptor) }
            state.reader = nil
            state.receive = nil
            state.writer = nil
            defer { state.waitingForRoom = [] }
            return state.waitingForRoom
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Reads until there is nothing more: libdispatch tells a hang-up once, together with what was sent before it, and then
    /// watches the descriptor no longer.
    private func receive(_ onFrame: (Frame) -> Void) {
        var chunk = Bytes(repeating: 0, count: 65_536)
        while state.withLock({ !$0.isPaused && !$0.isClosed }) {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            guard count > 0 else { return close() }
            let (frames, isBroken) = state.withLock { state in
                state.decoder.append(chunk[..<count])
                var frames: [Frame] = []
                // A failure shows in `isBroken`.
                while let frame = try? state.decoder.next() { frames.append(frame) }
                return (frames, state.decoder.isBroken)
            }
            for frame in frames { onFrame(frame) }
            if isBroken { return close() }
        }
    }

    private func flush(_ state: inout State) {
        while state.sent < state.outgoing.count {
            let count = state.outgoing.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.map { $0 + state.sent }, $0.count - state.sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                // What cannot be sent would be waited for in vain: the reader sees the end, and closes.
                if errno != EAGAIN || !waitForRoom(&state) { shutdown(descriptor, Int32(SHUT_RDWR)) }
                return
            }
            state.sent += count
        }
        state.outgoing.removeAll(keepingCapacity: state.outgoing.count <= 65_536)
        state.sent = 0
        state.writer?.cancel()
        state.writer = nil
    }

    /// A descriptor may only be closed when no source watches it any more: the writer gets one of its own.
    ///
    /// - Returns: Whether the rest will be sent.
    private func waitForRoom(_ state: inout State) -> Bool {
        guard state.writer == nil else { return true }
        let duplicate = tandem_duplicate_above(descriptor, 3)
        guard duplicate >= 0 else { return false }
        let writer = DispatchSource.makeWriteSource(fileDescriptor: duplicate, queue: queue)
        writer.setEventHandler { [self] in resumeSending() }
        writer.setCancelHandler { Glibc.close(duplicate) }
        state.writer = writer
        writer.resume()
        return true
    }

    private func resumeSending() {
        let waiting = self.state.withLock { state in
            guard !state.isClosed else { return [CheckedContinuation<Void, Never>]() }
            flush(&state)
            guard state.outgoing.count - state.sent <= Self.highWater / 2 else { return [] }
            defer { state.waitingForRoom = [] }
            return state.waitingForRoom
        }
        for continuation in waiting { continuation.resume() }
    }
}
