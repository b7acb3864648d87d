// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One process that this executor has launched: its streams and its end.
final class LocalProcess {
    let number: UInt32
    let pid: Int32
    let pidfd: Int32
    let executed: UInt64
    private var streams: Streams
    private let loop: EventLoop
    private var pendingInput: Bytes = []
    private var inputEnds = false
    private var isPaused = false
    private var openOutputs: [Int32: UInt8] = [:]
    private(set) var code: Int32?
    private var exitTimes: (real: UInt64, monotonic: UInt64) = (0, 0)

    var onOutput: (UInt8, Bytes) -> Void = { _, _ in }
    var onInputTaken: (Int) -> Void = { _ in }
    var onComplete: (ExitRecord) -> Void = { _ in }

    init(_ number: UInt32, _ launched: LaunchedProcess, on loop: EventLoop) {
        self.number = number
        self.loop = loop
        pid = launched.pid
        pidfd = launched.pidfd
        executed = launched.executed
        streams = launched.streams
    }

    /// Starts to read its output.
    func open() {
        for (descriptor, stream) in [(streams.output, UInt8(1)), (streams.errors, UInt8(2))] where descriptor >= 0 {
            _ = tandem_set_nonblocking(descriptor, 1)
            openOutputs[descriptor] = stream
        }
        if streams.input >= 0 { _ = tandem_set_nonblocking(streams.input, 1) }
        for descriptor in openOutputs.keys { watch(descriptor) }
        if streams.input >= 0 && !isTerminal { loop.watch(streams.input, 0) { [self] events in inputEvent(events) } }
    }

    private var isTerminal: Bool { streams.input >= 0 && streams.input == streams.output }

    private func watch(_ descriptor: Int32) {
        loop.watch(descriptor, EventLoop.readable) { [self] events in
            if events & EventLoop.writable != 0 { feed() }
            if events & ~EventLoop.writable != 0 { readOutput(descriptor) }
        }
    }

    // MARK: Output

    private func readOutput(_ descriptor: Int32) {
        guard let stream = openOutputs[descriptor] else { return }
        var chunk = Bytes(repeating: 0, count: 32_768)
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            chunk.removeLast(chunk.count - count)
            onOutput(stream, chunk)
        } else if count == 0 || (tandem_errno() != EAGAIN && tandem_errno() != EINTR) {
            // A terminal whose other side is closed by everyone reports EIO.
            closeOutput(descriptor)
            completeIfDone()
        }
    }

    private func closeOutput(_ descriptor: Int32) {
        loop.forget(descriptor)
        openOutputs[descriptor] = nil
        if isTerminal { streams.input = -1 }
        close(descriptor)
        if descriptor == streams.output { streams.output = -1 } else { streams.errors = -1 }
    }

    /// Stops or goes on reading output, for clients that are slow.
    func setPaused(_ paused: Bool) {
        guard paused != isPaused else { return }
        isPaused = paused
        for descriptor in openOutputs.keys { updateInterest(descriptor) }
    }

    private func updateInterest(_ descriptor: Int32) {
        let feeding = isTerminal && descriptor == streams.input && !pendingInput.isEmpty
        loop.change(descriptor, (isPaused ? 0 : EventLoop.readable) | (feeding ? EventLoop.writable : 0))
    }

    // MARK: Input

    /// Queues bytes for standard input.
    func input(_ bytes: Bytes) {
        guard streams.input >= 0, !inputEnds else { return onInputTaken(bytes.count) }
        pendingInput += bytes
        feed()
    }

    /// Ends standard input after what is queued.
    ///
    /// A terminal has no end of its own: its line discipline's end-of-file character is for the user to type.
    func closeInput() {
        guard !isTerminal else { return }
        inputEnds = true
        if pendingInput.isEmpty { shutInput() }
    }

    private func inputEvent(_ events: UInt32) {
        if events & EPOLLERR.rawValue != 0 {
            // Nobody reads any more: what is queued has been taken as far as anyone will ever know.
            let lost = pendingInput.count
            pendingInput = []
            shutInput()
            onInputTaken(lost)
        } else {
            feed()
        }
    }

    private func feed() {
        var taken = 0
        while taken < pendingInput.count {
            let count = pendingInput.withUnsafeBytes {
                write(streams.input, $0.baseAddress.unsafelyUnwrapped + taken, $0.count - taken)
            }
            if count < 0 { break }
            taken += count
        }
        pendingInput.removeFirst(taken)
        if taken > 0 { onInputTaken(taken) }
        if isTerminal {
            updateInterest(streams.input)
        } else if streams.input >= 0 {
            loop.change(streams.input, pendingInput.isEmpty ? 0 : EventLoop.writable)
        }
        if pendingInput.isEmpty && inputEnds { shutInput() }
    }

    private func shutInput() {
        guard streams.input >= 0, !isTerminal else { return }
        loop.forget(streams.input)
        close(streams.input)
        streams.input = -1
    }

    // MARK: Control

    func resize(rows: UInt16, columns: UInt16) {
        if isTerminal { _ = tandem_set_window_size(streams.output, rows, columns) }
    }

    func signal(_ number: Int32) {
        if code == nil { _ = tandem_pidfd_send_signal(pidfd, number) }
    }

    /// Takes the process's exit code; what it wrote before is still read.
    func ended(_ code: Int32, outputDeadline: UInt64?) {
        self.code = code
        exitTimes = (tandem_realtime(), tandem_monotonic())
        completeIfDone()
        guard let outputDeadline, !openOutputs.isEmpty else { return }
        // A process that it left behind may hold the streams for ever.
        loop.after(milliseconds: outputDeadline) { [self] in
            for descriptor in Array(openOutputs.keys) { closeOutput(descriptor) }
            completeIfDone()
        }
    }

    private func completeIfDone() {
        guard let code, openOutputs.isEmpty else { return }
        shutInput()
        close(pidfd)
        let record = ExitRecord(
            code: code, time: Int64(bitPattern: exitTimes.real), monotonic: exitTimes.monotonic)
        let complete = onComplete
        onComplete = { _ in }
        complete(record)
    }
}
