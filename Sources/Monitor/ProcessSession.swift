// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
import Synchronization
import SystemPackage
public import TandemModel

/// A connection to one process of a workload: its streams, its size, its signals, its end.
public final class ProcessSession: Sendable {
    /// A piece of output.
    public enum Output: Sendable, Equatable {
        /// Written to standard output, or to the terminal.
        case standardOutput([UInt8])
        /// Written to standard error.
        case standardError([UInt8])
    }

    private struct State {
        var queue: [Output] = []
        var head = 0
        var queuedBytes = 0
        var isReady = false
        var processID: Int32?
        var end: Result<ExitRecord, EngineError>?
        var isLost = false
        var readyWaiters: [CheckedContinuation<Void, Never>] = []
        var outputWaiter: CheckedContinuation<Output?, Never>?
        var endWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Reading pauses when so many bytes wait, and goes on when half of them are gone.
    private static let highWater = 1 << 20

    private let socket: FrameSocket
    private let state = Mutex(State())

    private init(descriptor: Int32) { socket = FrameSocket(descriptor) }

    deinit { socket.close() }

    static func attach(socketPath: FilePath, flags: AttachFlags) async throws(EngineError) -> ProcessSession {
        let session = try open(socketPath)
        session.socket.send(Frame(.attach, payload: [flags.rawValue]))
        try await session.waitUntilReady()
        return session
    }

    static func execute(socketPath: FilePath, plan: ProcessPlan) async throws(EngineError) -> ProcessSession {
        let session = try open(socketPath)
        session.socket.send(Frame(.execute, payload: plan.encoded()))
        try await session.waitUntilReady()
        return session
    }

    private static func open(_ path: FilePath) throws(EngineError) -> ProcessSession {
        guard let descriptor = MonitorSocket.connect(path) else {
            throw EngineError(.conflict, "the workload is not running any more: its monitor is gone")
        }
        let session = ProcessSession(descriptor: descriptor)
        session.socket.open(
            onFrame: { [weak session] in session?.handle($0) }, onClosed: { [weak session] in session?.lost() })
        return session
    }

    /// Process id as the executor sees it; only known for an executed process.
    public var processID: Int32? { state.withLock { $0.processID } }

    /// Whether the process has ended and everything has arrived here.
    public var hasEnded: Bool { state.withLock { $0.end != nil || $0.isLost } }

    // MARK: Towards the process

    /// Feeds standard input; returns when there is room for more.
    public func send(_ bytes: some Collection<UInt8>) async {
        var rest = bytes[...]
        while !rest.isEmpty {
            await socket.sendWithBackPressure(Frame(.input, payload: Bytes(rest.prefix(65_536))))
            rest = rest.dropFirst(65_536)
        }
    }

    /// Ends standard input.
    public func closeInput() { socket.send(Frame(.closeInput)) }

    /// Sets the size of the terminal.
    public func resize(rows: UInt16, columns: UInt16) {
        socket.send(Frame(.resize, payload: windowSize(rows: rows, columns: columns)))
    }

    /// Sends a signal to the process.
    public func signal(_ number: Int32) {
        var writer = ByteWriter()
        writer.write(UInt32(bitPattern: number))
        writer.write(UInt8(0))
        socket.send(Frame(.signal, payload: writer.bytes))
    }

    /// Leaves; the process goes on.
    public func close() { socket.close() }

    // MARK: From the process

    /// The next piece of output, for one reader at a time; what is not taken holds the process back.
    ///
    /// - Returns: `nil` when the process has ended and everything was delivered, or the session is closed.
    public func nextOutput() async -> Output? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known: Output?? = state.withLock { state in
                    if let output = take(&state) { return .some(output) }
                    if state.end != nil || state.isLost { return .some(nil) }
                    state.outputWaiter?.resume(returning: nil)
                    state.outputWaiter = continuation
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.outputWaiter = nil }
                return state.outputWaiter
            }
            waiter?.resume(returning: nil)
        }
    }

    /// Waits for the end of the process.
    ///
    /// - Throws: Why it was not launched, or `.unavailable` if the monitor vanished.
    public func waitForExit() async throws(EngineError) -> ExitRecord {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.end != nil || state.isLost { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
        guard let end = state.withLock({ $0.end }) else {
            throw EngineError(.unavailable, "the connection to the workload's monitor was lost")
        }
        return try end.get()
    }

    private func take(_ state: inout State) -> Output? {
        guard state.head < state.queue.count else { return nil }
        let output = state.queue[state.head]
        state.head += 1
        state.queuedBytes -= output.count
        if state.head == state.queue.count || state.head > 1_024 {
            state.queue.removeFirst(state.head)
            state.head = 0
        }
        if state.queuedBytes <= Self.highWater / 2 { socket.setPaused(false) }
        return output
    }

    private func waitUntilReady() async throws(EngineError) {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.isReady || state.end != nil || state.isLost { return true }
                state.readyWaiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
        let (isReady, end) = state.withLock { ($0.isReady, $0.end) }
        if !isReady, case .failure(let error)? = end { throw error }
        if !isReady && end == nil {
            throw EngineError(.conflict, "the workload is not running any more: its monitor has ended")
        }
    }

    // MARK: Frames

    private func handle(_ frame: Frame) {
        switch frame.kind {
        case .attached: ready(process: nil)
        case .started:
            var reader = ByteReader(frame.payload)
            // Without a number the process is still there.
            ready(process: (try? reader.number(UInt32.self)).map { Int32(bitPattern: $0) })
        case .output: received(frame.payload)
        case .failed, .refused: ended(.failure(EngineError(launchFailure: frame.payload)))
        case .exited:
            // A record that cannot be read is a defect of the monitor.
            guard let record = try? ExitRecord(decoding: frame.payload) else { return socket.close() }
            ended(.success(record))
        default: break
        }
    }

    private func received(_ payload: Bytes) {
        guard let stream = payload.first, payload.count > 1 else { return }
        let bytes = Bytes(payload.dropFirst())
        let output: Output = stream == 2 ? .standardError(bytes) : .standardOutput(bytes)
        let waiter: CheckedContinuation<Output?, Never>? = state.withLock { state in
            if let waiter = state.outputWaiter {
                state.outputWaiter = nil
                return waiter
            }
            state.queue.append(output)
            state.queuedBytes += output.count
            if state.queuedBytes > Self.highWater { socket.setPaused(true) }
            return nil
        }
        waiter?.resume(returning: output)
    }

    private func ready(process: Int32?) {
        let waiters = state.withLock { state in
            state.isReady = true
            state.processID = process ?? state.processID
            defer { state.readyWaiters = [] }
            return state.readyWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func ended(_ end: Result<ExitRecord, EngineError>) { finish { $0.end = $0.end ?? end } }

    private func lost() { finish { $0.isLost = true } }

    private func finish(_ change: (inout State) -> Void) {
        let (waiters, output) = state.withLock { state in
            change(&state)
            let waiters = state.readyWaiters + state.endWaiters
            state.readyWaiters = []
            state.endWaiters = []
            defer { state.outputWaiter = nil }
            return (waiters, state.outputWaiter)
        }
        for waiter in waiters { waiter.resume() }
        output?.resume(returning: nil)
    }
}

extension ProcessSession.Output {
    /// The bytes, whichever stream they came by.
    public var bytes: [UInt8] {
        switch self {
        case .standardOutput(let bytes), .standardError(let bytes): bytes
        }
    }

    var count: Int { bytes.count }
}
