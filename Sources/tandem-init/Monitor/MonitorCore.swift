// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Owns one workload's streams, log and end, and serves whoever is connected.
final class MonitorCore {
    /// A client with more than this many unsent bytes stops the process's output until it has caught up.
    private static let highWater = 1 << 20
    /// Input beyond this stops the client that feeds it.
    private static let inputWindow = 256 << 10

    let plan: MonitorPlan
    let loop: EventLoop
    let runner: Runner
    private let log: LogWriter
    private var clients: [MonitorClient] = []
    private var nextProcess: UInt32 = 1
    private var earlyInput: [Bytes] = []
    private var earlyInputEnds = false
    private var startedPid: UInt32?
    private var hasAskedToStart = false
    private var failure: LaunchFailure?
    private var record: ExitRecord?
    private var isEnding = false
    private var hasFirstByte = false
    private var executedAt: UInt64 = 0
    private var waitingForAnswer: [MonitorClient] = []
    private let begun: UInt64

    init(_ plan: MonitorPlan, runner: Runner, on loop: EventLoop, begun: UInt64) {
        self.plan = plan
        self.runner = runner
        self.loop = loop
        self.begun = begun
        log = LogWriter(plan)
        runner.onStarted = { [self] process, pid in started(process, pid) }
        runner.onFailed = { [self] process, failure in failed(process, failure) }
        runner.onOutput = { [self] process, stream, bytes in output(process, stream, bytes) }
        runner.onExited = { [self] process, record in exited(process, record) }
        runner.onPhase = { [self] code, start, end in phase(code, start, end) }
        runner.onAnswer = { [self] frame in answer(frame) }
        runner.onInputTaken = { [self] process, count in inputTaken(process, count) }
    }

    /// Listens, greets the engine on `control`, and waits for orders.
    ///
    /// - Returns: What failed, or `nil`.
    func open(control: Int32) -> LaunchFailure? {
        if let failure = log.open() { return failure }
        let listener = tandem_unix_socket(1)
        guard listener >= 0, withPath(plan.socketPath, { tandem_unix_listen(listener, $0) }) == 0 else {
            return LaunchFailure(.state, errno: tandem_errno(), object: plan.socketPath)
        }
        loop.watch(listener, EventLoop.readable) { [self] _ in
            let descriptor = tandem_accept(listener)
            if descriptor >= 0 { connect(descriptor, isControl: false) }
        }
        connect(control, isControl: true)
        phase(.monitor, begun, tandem_monotonic())
        return nil
    }

    private func connect(_ descriptor: Int32, isControl: Bool) {
        let client = MonitorClient(FrameChannel(descriptor, on: loop))
        client.isControl = isControl
        clients.append(client)
        client.channel.onFrame = { [self] frame in handle(frame, from: client) }
        client.channel.onClose = { [self] in disconnected(client) }
        client.channel.onDrained = { [self] in drained(client) }
        client.channel.open()
        if isControl { greet(client) }
    }

    private func greet(_ client: MonitorClient) {
        var writer = ByteWriter()
        writer.write(UInt32(launchProtocolVersion))
        writer.write(begun)
        writer.write(tandem_monotonic())
        client.channel.send(Frame(.hello, payload: writer.bytes))
    }

    // MARK: Orders

    private func handle(_ frame: Frame, from client: MonitorClient) {
        switch frame.kind {
        case .start:
            guard !hasAskedToStart else { return refuse(client, .state, EALREADY) }
            hasAskedToStart = true
            runner.start(plan.launch)
        case .execute: execute(frame, for: client)
        case .attach: attach(frame, client)
        case .input:
            guard let process = client.process else { return }
            client.pendingInput += frame.payload.count
            if client.pendingInput > Self.inputWindow { client.channel.setReadable(false) }
            input(process, frame.payload)
        case .closeInput: if let process = client.process { closeInput(process) }
        case .resize: resize(frame, client)
        case .signal: signal(frame, client)
        case .listProcesses, .guestUsage:
            waitingForAnswer.append(client)
            if frame.kind == .listProcesses { runner.listProcesses() } else { runner.guestUsage() }
        case .limitProcesses:
            var reader = ByteReader(frame.payload)
            guard let limit = try? reader.number(UInt64.self) else { return refuse(client, .plan, EPROTO) }
            waitingForAnswer.append(client)
            runner.limitProcesses(limit)
        case .changeNetwork:
            guard let change = try? NetworkChange(decoding: frame.payload) else { return refuse(client, .plan, EPROTO) }
            waitingForAnswer.append(client)
            runner.changeNetwork(change)
        case .powerOff:
            runner.powerOff()
            isEnding = true
            endIfDone()
        default: refuse(client, .state, EPROTO)
        }
    }

    private func execute(_ frame: Frame, for client: MonitorClient) {
        guard let process = try? ProcessPlan(decoding: frame.payload) else { return refuse(client, .plan, EPROTO) }
        let number = nextProcess
        nextProcess += 1
        client.process = number
        client.flags = [.input, .output, .errors]
        runner.execute(number, process)
    }

    private func attach(_ frame: Frame, _ client: MonitorClient) {
        client.flags = AttachFlags(rawValue: frame.payload.first ?? 0)
        client.process = 0
        client.isControl = client.flags.isEmpty
        if client.isControl { greet(client) }
        client.channel.send(Frame(.attached, payload: [hasAskedToStart ? 1 : 0]))
        if client.isControl, let startedPid { client.channel.send(startedFrame(0, startedPid)) }
        if let record { client.channel.send(Frame(.exited, payload: record.encoded())) }
        if let failure { client.channel.send(Frame(.failed, payload: failure.encoded())) }
    }

    private func resize(_ frame: Frame, _ client: MonitorClient) {
        var reader = ByteReader(frame.payload)
        guard let rows = try? reader.number(UInt16.self), let columns = try? reader.number(UInt16.self) else { return }
        runner.resize(client.process ?? 0, rows: rows, columns: columns)
    }

    private func signal(_ frame: Frame, _ client: MonitorClient) {
        var reader = ByteReader(frame.payload)
        guard let number = try? reader.number(UInt32.self), let target = try? reader.number(UInt8.self) else { return }
        runner.signal(client.process ?? 0, number: Int32(bitPattern: number), toAll: target == 1)
    }

    private func refuse(_ client: MonitorClient, _ step: LaunchFailure.Step, _ errno: Int32) {
        client.channel.send(Frame(.refused, payload: LaunchFailure(step, errno: errno).encoded()))
    }

    /// Clients attach before the first process runs; what they send until then waits for it.
    private func input(_ process: UInt32, _ bytes: Bytes) {
        if process == 0 && startedPid == nil { earlyInput.append(bytes) } else { runner.input(process, bytes) }
    }

    private func closeInput(_ process: UInt32) {
        if process == 0 && startedPid == nil { earlyInputEnds = true } else { runner.closeInput(process) }
    }

    private func passEarlyInput() {
        for bytes in earlyInput { runner.input(0, bytes) }
        earlyInput = []
        if earlyInputEnds { runner.closeInput(0) }
    }

    // MARK: Reports of the runner

    private func started(_ process: UInt32, _ pid: UInt32) {
        if process == 0 {
            startedPid = pid
            executedAt = tandem_monotonic()
            passEarlyInput()
        }
        send(startedFrame(process, pid), about: process)
    }

    private func startedFrame(_ process: UInt32, _ pid: UInt32) -> Frame {
        var writer = ByteWriter()
        writer.write(pid)
        return Frame(.started, process: process, payload: writer.bytes)
    }

    private func failed(_ process: UInt32, _ failure: LaunchFailure) {
        if process == 0 { self.failure = failure }
        send(Frame(.failed, process: process, payload: failure.encoded()), about: process)
        endIfDone()
    }

    private func output(_ process: UInt32, _ stream: UInt8, _ bytes: Bytes) {
        if process == 0 {
            if !hasFirstByte {
                hasFirstByte = true
                phase(.firstByte, executedAt, tandem_monotonic())
            }
            log.append(stream: stream, bytes)
        }
        let frame = Frame(.output, process: process, payload: [stream] + bytes)
        for client in clients where client.wants(process: process, stream: stream) { client.channel.send(frame) }
        if isSlow(process) { runner.setOutputPaused(process, true) }
    }

    private func exited(_ process: UInt32, _ record: ExitRecord) {
        if process == 0 {
            self.record = record
            log.finish()
            write(record)
            phase(.run, executedAt, record.monotonic)
        }
        send(Frame(.exited, process: process, payload: record.encoded()), about: process)
        endIfDone()
    }

    private func phase(_ code: PhaseCode, _ start: UInt64, _ end: UInt64) {
        var writer = ByteWriter()
        writer.write(code.rawValue)
        writer.write(start)
        writer.write(end)
        let frame = Frame(.phase, payload: writer.bytes)
        for client in clients where client.isControl { client.channel.send(frame) }
    }

    private func answer(_ frame: Frame) {
        guard !waitingForAnswer.isEmpty else { return }
        waitingForAnswer.removeFirst().channel.send(frame)
    }

    private func send(_ frame: Frame, about process: UInt32) {
        for client in clients where client.process == process || (client.isControl && process == 0) {
            client.channel.send(frame)
        }
    }

    /// Written whole and renamed into place, so that a reader finds all of it or nothing.
    private func write(_ record: ExitRecord) {
        guard !plan.exitRecordPath.isEmpty else { return }
        let temporary = plan.exitRecordPath + bytes(".new")
        let descriptor = tandem_init.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        guard descriptor >= 0 else { return }
        let problem = writeAll(descriptor, record.encoded())
        close(descriptor)
        guard problem == 0 else { return }
        _ = withPath(temporary) { from in withPath(plan.exitRecordPath) { rename(from, $0) } }
    }

    // MARK: Flow

    private func isSlow(_ process: UInt32) -> Bool {
        clients.contains { $0.process == process && $0.channel.backlog > Self.highWater }
    }

    private func drained(_ client: MonitorClient) {
        if let process = client.process, !isSlow(process) { runner.setOutputPaused(process, false) }
        endIfDone()
    }

    private func inputTaken(_ process: UInt32, _ count: Int) {
        // Several clients may feed one process; whoever has most outstanding is credited first.
        guard
            let client = clients.filter({ $0.process == process }).max(by: { $0.pendingInput < $1.pendingInput })
        else { return }
        client.pendingInput = max(0, client.pendingInput - count)
        if client.pendingInput <= Self.inputWindow / 2 { client.channel.setReadable(true) }
    }

    private func disconnected(_ client: MonitorClient) {
        client.forgetCallbacks()
        clients.removeAll { $0 === client }
        waitingForAnswer.removeAll { $0 === client }
        if let process = client.process {
            let endsInput = process != 0 || plan.standardInputOnce
            if client.flags.contains(.input) && endsInput { closeInput(process) }
            if !isSlow(process) { runner.setOutputPaused(process, false) }
        }
        endIfDone()
    }

    /// Ends once the workload has ended, everybody has been told, and no engine is there or it has let go.
    private func endIfDone() {
        let hasEnded = record != nil || failure != nil
        let isHeld = clients.contains { $0.isControl } && !isEnding
        let isOwed = clients.contains { $0.channel.backlog > 0 && $0.process != nil }
        guard hasEnded || !hasAskedToStart, !isHeld, !isOwed else { return }
        if !isEnding { runner.powerOff() }
        _ = withPath(plan.socketPath) { unlink($0) }
        loop.stop()
    }
}
