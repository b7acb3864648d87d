// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import LaunchProtocol
import LinuxSystem
import Synchronization
public import SystemPackage
public import TandemModel

/// The engine's lasting connection to one workload's monitor.
///
/// Requests may be made from any task. When the connection is closed, a monitor whose workload has ended ends too; one
/// whose workload runs goes on without us.
public final class MonitorConnection: Sendable {
    private struct State {
        var isGreeted = false
        var isLost = false
        var hasAskedToStart = false
        var begun: UInt64?
        var launch: Result<Int32, EngineError>?
        var record: ExitRecord?
        var phases: [Phase] = []
        var greetingWaiters: [CheckedContinuation<Void, Never>] = []
        var launchWaiters: [CheckedContinuation<Void, Never>] = []
        var exitWaiters: [CheckedContinuation<ExitRecord?, Never>] = []
        var answerWaiters: [CheckedContinuation<Frame?, Never>] = []
        var phaseHandler: (@Sendable (Phase) -> Void)?
    }

    /// Process id of the monitor on the host.
    public let monitorProcess: Int32
    /// The monitor's socket, on which attachments and execs get connections of their own.
    public let socketPath: FilePath

    private let socket: FrameSocket
    private let state = Mutex(State())

    /// A monitor that we have spawned greets with `hello` alone, an adopted one confirms the attachment after it.
    private let greeting: Frame.Kind

    init(descriptor: Int32, monitorProcess: Int32, socketPath: FilePath, greeting: Frame.Kind = .hello) {
        self.greeting = greeting
        self.monitorProcess = monitorProcess
        self.socketPath = socketPath
        socket = FrameSocket(descriptor)
        socket.open(onFrame: { [weak self] in self?.handle($0) }, onClosed: { [weak self] in self?.lost() })
    }

    deinit { socket.close() }

    /// Connects to a monitor that an earlier daemon has started.
    ///
    /// - Returns: `nil` if nobody listens there any more, nobody answers, or it was never asked to start its workload.
    public static func connect(socketPath: FilePath) async -> MonitorConnection? {
        guard let descriptor = MonitorSocket.connect(socketPath) else { return nil }
        guard let process = MonitorSocket.peer(of: descriptor) else {
            Glibc.close(descriptor)
            return nil
        }
        let connection = MonitorConnection(
            descriptor: descriptor, monitorProcess: process, socketPath: socketPath, greeting: .attached)
        connection.socket.send(Frame(.attach, payload: [AttachFlags().rawValue]))
        await connection.waitForGreeting()
        guard connection.state.withLock({ $0.isGreeted && $0.hasAskedToStart }) else {
            // Without a connection a monitor that has nothing to do ends.
            connection.close()
            return nil
        }
        return connection
    }

    /// When the monitor began, in nanoseconds of the host's CLOCK_MONOTONIC; `nil` before it has greeted.
    public var begun: UInt64? { state.withLock { $0.begun } }

    // MARK: The first process

    /// Process id of the workload's first process as the executor sees it, once it has been executed.
    public var processID: Int32? {
        state.withLock { state in
            guard case .success(let process)? = state.launch else { return nil }
            return process
        }
    }

    /// Launches the workload and waits until its command has been executed.
    ///
    /// - Returns: The first process's id: on the host for a container, in the guest for a VM.
    /// - Throws: What the launch failed with; `.commandNotFound` and `.commandNotExecutable` for the command itself.
    public func start() async throws(EngineError) -> Int32 {
        let isFirst = state.withLock { state in
            defer { state.hasAskedToStart = true }
            return !state.hasAskedToStart
        }
        if isFirst { socket.send(Frame(.start)) }
        return try await waitForLaunch()
    }

    /// Waits until the command has been executed or the launch has failed.
    public func waitForLaunch() async throws(EngineError) -> Int32 {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.launch != nil || state.isLost { return true }
                state.launchWaiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
        guard let launch = state.withLock({ $0.launch }) else {
            throw EngineError(
                .internal, "the monitor ended before it had launched the workload",
                hint: "Its last words are in 'monitor.log' of the workload's run folder.")
        }
        return try launch.get()
    }

    /// Waits for the end of the first process.
    ///
    /// - Returns: `nil` if the launch failed, or if the monitor vanished without a word; `recordedExit` may know more then.
    public func waitForExit() async -> ExitRecord? {
        await withCheckedContinuation { continuation in
            let known: ExitRecord?? = state.withLock { state in
                if let record = state.record { return .some(record) }
                if case .failure? = state.launch { return .some(nil) }
                if state.isLost { return .some(nil) }
                state.exitWaiters.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// The end that a monitor has left in a file, whether or not it still lives.
    public static func recordedExit(at path: FilePath) -> ExitRecord? {
        guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return nil }
        defer { try? descriptor.close() }  // nothing was written
        var content = Bytes(repeating: 0, count: 256)
        guard let count = content.withUnsafeMutableBytes({ try? descriptor.read(into: $0) }) else { return nil }
        return try? ExitRecord(decoding: Bytes(content[..<count]))  // half a record is none
    }

    /// The phases reported so far.
    public var phases: [Phase] { state.withLock { $0.phases } }

    /// Reports every phase: those known now, and each later one as it comes.
    public func onPhase(_ handler: @escaping @Sendable (Phase) -> Void) {
        let known = state.withLock { state in
            state.phaseHandler = handler
            return state.phases
        }
        for phase in known { handler(phase) }
    }

    /// Sends a signal to the first process, or to every process of the workload.
    public func signal(_ number: Int32, toAll: Bool = false) {
        var writer = ByteWriter()
        writer.write(UInt32(bitPattern: number))
        writer.write(UInt8(toAll ? 1 : 0))
        socket.send(Frame(.signal, payload: writer.bytes))
    }

    /// Sets the size of the first process's terminal.
    public func resize(rows: UInt16, columns: UInt16) {
        socket.send(Frame(.resize, payload: windowSize(rows: rows, columns: columns)))
    }

    // MARK: Questions

    /// Asks the monitor, whose answers come in the order of the questions; `nil` if it is gone.
    func ask(_ question: Frame) async -> Frame? {
        await withCheckedContinuation { continuation in
            let isLost = state.withLock { state in
                guard !state.isLost else { return true }
                state.answerWaiters.append(continuation)
                // In the lock: answers come in the order of the questions.
                socket.send(question)
                return false
            }
            if isLost { continuation.resume(returning: nil) }
        }
    }

    // MARK: Sessions

    /// Joins the first process's streams, before or after its start.
    ///
    /// Every byte that it writes after this returns is delivered.
    public func attach(_ flags: AttachFlags) async throws(EngineError) -> ProcessSession {
        // It listens as soon as it greets.
        await waitForGreeting()
        return try await ProcessSession.attach(socketPath: socketPath, flags: flags)
    }

    /// Executes a further process in the workload.
    ///
    /// - Throws: Why it could not be executed.
    public func execute(_ plan: ProcessPlan) async throws(EngineError) -> ProcessSession {
        await waitForGreeting()
        return try await ProcessSession.execute(socketPath: socketPath, plan: plan)
    }

    // MARK: The end

    /// Ends a guest in order, and the monitor as soon as everything has been delivered.
    public func powerOff() { socket.send(Frame(.powerOff)) }

    /// Lets go of the monitor.
    public func close() { socket.close() }

    /// Lets go of the monitor and makes sure that it is gone.
    ///
    /// Blocks until then, at most for `milliseconds`; then the monitor is killed, and its workload with it.
    public func endBlocking(milliseconds: Int32) {
        socket.close()
        HostProcess(monitorProcess).endBlocking(graceMilliseconds: milliseconds)
    }

    /// Makes sure that no monitor listens on a socket any more, and so that no process of its workload is left.
    ///
    /// Blocks, at most for `milliseconds` until the monitor is killed. Nobody there is no failure.
    public static func endBlocking(socketPath: FilePath, milliseconds: Int32) {
        guard let descriptor = MonitorSocket.connect(socketPath) else { return }
        let process = MonitorSocket.peer(of: descriptor)
        let request = Frame(.powerOff).encoded()
        _ = request.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if let process { HostProcess(process).endBlocking(graceMilliseconds: milliseconds) }
        Glibc.close(descriptor)
    }

    // MARK: Frames

    private func handle(_ frame: Frame) {
        switch frame.kind {
        case .hello, .attached: greeted(frame)
        case .phase: if let phase = Phase(decoding: frame.payload) { note(phase) }
        case .started:
            var reader = ByteReader(frame.payload)
            // A number that is missing is a defect of the monitor, and as good as no start.
            if let process = try? reader.number(UInt32.self) { launched(.success(Int32(bitPattern: process))) }
        case .failed:
            launched(.failure(EngineError(launchFailure: frame.payload)))
        case .exited:
            // A record that cannot be read is a defect of the monitor; the file may be whole.
            if let record = try? ExitRecord(decoding: frame.payload) { exited(record) }
        case .processes, .usage, .done, .refused:
            let waiter: CheckedContinuation<Frame?, Never>? = state.withLock { state in
                state.answerWaiters.isEmpty ? nil : state.answerWaiters.removeFirst()
            }
            waiter?.resume(returning: frame)
        default: break
        }
    }

    private func greeted(_ frame: Frame) {
        if frame.kind == .hello {
            var reader = ByteReader(frame.payload)
            // A greeting that is cut short tells no time.
            _ = try? reader.number(UInt32.self)
            let begun = try? reader.number(UInt64.self)
            state.withLock { $0.begun = begun }
        } else if frame.payload.first != 0 {
            state.withLock { $0.hasAskedToStart = true }
        }
        if frame.kind == greeting { resumeGreeting(isGreeted: true) }
    }

    private func note(_ phase: Phase) {
        let handler = state.withLock { state in
            state.phases.append(phase)
            return state.phaseHandler
        }
        handler?(phase)
    }

    private func launched(_ result: Result<Int32, EngineError>) {
        var launch: [CheckedContinuation<Void, Never>] = []
        var exit: [CheckedContinuation<ExitRecord?, Never>] = []
        state.withLock { state in
            state.launch = state.launch ?? result
            swap(&launch, &state.launchWaiters)
            if case .failure = result { swap(&exit, &state.exitWaiters) }
        }
        for continuation in launch { continuation.resume() }
        for continuation in exit { continuation.resume(returning: nil) }
    }

    private func exited(_ record: ExitRecord) {
        let waiters = state.withLock { state in
            state.record = record
            defer { state.exitWaiters = [] }
            return state.exitWaiters
        }
        for continuation in waiters { continuation.resume(returning: record) }
    }

    private func lost() {
        let (launch, exit, answers) = state.withLock { state in
            state.isLost = true
            defer {
                state.launchWaiters = []
                state.exitWaiters = []
                state.answerWaiters = []
            }
            return (state.launchWaiters, state.exitWaiters, state.answerWaiters)
        }
        resumeGreeting(isGreeted: false)
        for continuation in launch { continuation.resume() }
        for continuation in exit { continuation.resume(returning: nil) }
        for continuation in answers { continuation.resume(returning: nil) }
    }

    private func waitForGreeting() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.isGreeted || state.isLost { return true }
                state.greetingWaiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private func resumeGreeting(isGreeted: Bool) {
        let waiters = state.withLock { state in
            if isGreeted { state.isGreeted = true }
            guard isGreeted || state.isLost else { return [CheckedContinuation<Void, Never>]() }
            defer { state.greetingWaiters = [] }
            return state.greetingWaiters
        }
        for continuation in waiters { continuation.resume() }
    }
}

/// Payload of `Frame.Kind.resize`.
func windowSize(rows: UInt16, columns: UInt16) -> Bytes {
    var writer = ByteWriter()
    writer.write(rows)
    writer.write(columns)
    return writer.bytes
}
