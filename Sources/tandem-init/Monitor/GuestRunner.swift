// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Runs processes through the agent of a guest, over QEMU's socket of the virtio-serial port.
final class GuestRunner: Runner {
    private let plan: MonitorPlan
    private let loop: EventLoop
    private let begun = tandem_monotonic()
    private var channel: FrameChannel?
    private var clock = ClockMap()
    private var hello: (first: UInt64, now: UInt64)?
    private var pingsLeft = 3
    private var isReady = false
    private var wantsStart = false
    private var running: Set<UInt32> = []
    private var paused: Set<UInt32> = []
    /// Bytes that have been handed on while a process was paused; credited when it goes on.
    private var owed: [UInt32: (output: UInt32, errors: UInt32)] = [:]

    init(_ plan: MonitorPlan, on loop: EventLoop) {
        self.plan = plan
        self.loop = loop
        super.init()
        connect()
    }

    /// Tries until QEMU has made the socket, or the deadline has passed.
    private func connect() {
        let descriptor = tandem_unix_socket(1)
        if descriptor >= 0, withPath(plan.guestChannelPath, { tandem_unix_connect(descriptor, $0) }) == 0 {
            let channel = FrameChannel(descriptor, on: loop)
            self.channel = channel
            channel.onFrame = { [self] frame in handle(frame) }
            channel.onClose = { [self] in lost(ECONNRESET) }
            channel.open()
            loop.after(milliseconds: UInt64(plan.guestDeadline)) { [self] in if !isReady { lost(ETIMEDOUT) } }
            return
        }
        if descriptor >= 0 { close(descriptor) }
        guard tandem_monotonic() - begun < UInt64(plan.guestDeadline) * 1_000_000 else { return lost(ETIMEDOUT) }
        loop.after(milliseconds: 2) { [self] in connect() }
    }

    /// The guest is gone: whatever ran in it has ended as if killed.
    private func lost(_ errno: Int32) {
        channel?.close()
        channel = nil
        isReady = true
        let record = ExitRecord(
            code: 137, time: Int64(bitPattern: tandem_realtime()), monotonic: tandem_monotonic(), guestLost: true)
        let ended = running
        running = []
        if !ended.contains(0) && wantsStart { onFailed(0, LaunchFailure(.guest, errno: errno)) }
        for process in ended.sorted(by: >) { onExited(process, record) }
    }

    private func send(_ frame: Frame) { channel?.send(frame) }

    // MARK: The agent's words

    private func handle(_ frame: Frame) {
        switch frame.kind {
        case .hello: greeted(frame)
        case .pong: answeredPing(frame)
        case .phase: passPhase(frame)
        case .started:
            var reader = ByteReader(frame.payload)
            running.insert(frame.process)
            onStarted(frame.process, (try? reader.number(UInt32.self)) ?? 0)
        case .failed:
            guard let failure = try? LaunchFailure(decoding: frame.payload) else { return }
            onFailed(frame.process, failure)
        case .output:
            guard let stream = frame.payload.first else { return }
            onOutput(frame.process, stream, Bytes(frame.payload.dropFirst()))
            credit(frame.process, stream, UInt32(frame.payload.count - 1))
        case .exited:
            guard var record = try? ExitRecord(decoding: frame.payload) else { return }
            running.remove(frame.process)
            // The wall clock of a guest is not the host's.
            record.monotonic = clock.host(record.monotonic)
            let age = tandem_monotonic() &- record.monotonic
            record.time = Int64(bitPattern: tandem_realtime() &- (age < 1 << 40 ? age : 0))
            onExited(frame.process, record)
        case .credit:
            var reader = ByteReader(frame.payload)
            if let count = try? reader.number(UInt32.self) { onInputTaken(frame.process, Int(count)) }
        case .processes, .usage, .done, .refused: onAnswer(frame)
        default: break
        }
    }

    private func greeted(_ frame: Frame) {
        var reader = ByteReader(frame.payload)
        guard let version = try? reader.number(UInt32.self), version == UInt32(launchProtocolVersion),
            let first = try? reader.number(UInt64.self), let now = try? reader.number(UInt64.self)
        else { return lost(EPROTO) }
        hello = (first, now)
        ping()
    }

    private func ping() {
        var writer = ByteWriter()
        writer.write(tandem_monotonic())
        send(Frame(.ping, payload: writer.bytes))
    }

    private func answeredPing(_ frame: Frame) {
        var reader = ByteReader(frame.payload)
        guard let sent = try? reader.number(UInt64.self), let guest = try? reader.number(UInt64.self) else { return }
        clock.add(sent: sent, received: tandem_monotonic(), guest: guest)
        pingsLeft -= 1
        guard pingsLeft <= 0 else { return ping() }
        guard let hello, !isReady else { return }
        isReady = true
        // CLOCK_MONOTONIC of a guest is 0 when its kernel sets up its clock.
        onPhase(.kernel, clock.host(0), clock.host(hello.first))
        if wantsStart { sendPlan() }
    }

    private func passPhase(_ frame: Frame) {
        var reader = ByteReader(frame.payload)
        guard let code = (try? reader.number(UInt8.self)).flatMap({ PhaseCode(rawValue: $0) }),
            let start = try? reader.number(UInt64.self), let end = try? reader.number(UInt64.self)
        else { return }
        onPhase(code, clock.host(start), clock.host(end))
    }

    // MARK: Orders

    override func start(_ plan: LaunchPlan) {
        wantsStart = true
        guard channel != nil || !isReady else { return onFailed(0, LaunchFailure(.guest, errno: ECONNRESET)) }
        if isReady { sendPlan() }
    }

    private func sendPlan() { send(Frame(.start, payload: plan.launch.encoded())) }

    override func execute(_ process: UInt32, _ plan: ProcessPlan) {
        guard channel != nil, running.contains(0) else {
            return onFailed(process, LaunchFailure(.state, errno: ESRCH))
        }
        send(Frame(.execute, process: process, payload: plan.encoded()))
    }

    override func input(_ process: UInt32, _ bytes: Bytes) {
        guard channel != nil else { return onInputTaken(process, bytes.count) }
        send(Frame(.input, process: process, payload: bytes))
    }

    override func closeInput(_ process: UInt32) { send(Frame(.closeInput, process: process)) }

    override func resize(_ process: UInt32, rows: UInt16, columns: UInt16) {
        var writer = ByteWriter()
        writer.write(rows)
        writer.write(columns)
        send(Frame(.resize, process: process, payload: writer.bytes))
    }

    override func signal(_ process: UInt32, number: Int32, toAll: Bool) {
        var writer = ByteWriter()
        writer.write(UInt32(bitPattern: number))
        writer.write(toAll)
        send(Frame(.signal, process: process, payload: writer.bytes))
    }

    override func listProcesses() {
        askOrAnswer(.listProcesses, Frame(.processes, payload: ProcessTable(rows: []).encoded()))
    }

    override func guestUsage() { askOrAnswer(.guestUsage, Frame(.usage, payload: GuestUsage().encoded())) }

    override func limitProcesses(_ limit: UInt64) {
        guard channel != nil else {
            return onAnswer(Frame(.refused, payload: LaunchFailure(.state, errno: ESRCH).encoded()))
        }
        var writer = ByteWriter()
        writer.write(limit)
        send(Frame(.limitProcesses, payload: writer.bytes))
    }

    override func changeNetwork(_ change: NetworkChange) {
        guard channel != nil else {
            return onAnswer(Frame(.refused, payload: LaunchFailure(.state, errno: ESRCH).encoded()))
        }
        send(Frame(.changeNetwork, payload: change.encoded()))
    }

    private func askOrAnswer(_ question: Frame.Kind, _ empty: Frame) {
        if channel == nil { onAnswer(empty) } else { send(Frame(question)) }
    }

    override func powerOff() { send(Frame(.powerOff)) }

    // MARK: Flow

    override func setOutputPaused(_ process: UInt32, _ isPaused: Bool) {
        if isPaused {
            paused.insert(process)
        } else if paused.remove(process) != nil, let debt = owed.removeValue(forKey: process) {
            sendCredit(process, 1, debt.output)
            sendCredit(process, 2, debt.errors)
        }
    }

    private func credit(_ process: UInt32, _ stream: UInt8, _ count: UInt32) {
        guard paused.contains(process) else { return sendCredit(process, stream, count) }
        var debt = owed[process] ?? (0, 0)
        if stream == 2 { debt.errors += count } else { debt.output += count }
        owed[process] = debt
    }

    private func sendCredit(_ process: UInt32, _ stream: UInt8, _ count: UInt32) {
        guard count > 0, running.contains(process) else { return }
        var writer = ByteWriter()
        writer.write(count)
        writer.write(stream)
        send(Frame(.credit, process: process, payload: writer.bytes))
    }
}

/// Maps a guest's monotonic clock to the host's by the exchange with the shortest round trip.
struct ClockMap {
    private var offset: UInt64 = 0
    private var shortest = UInt64.max

    /// Takes one exchange: both host times, and the guest's time in between.
    mutating func add(sent: UInt64, received: UInt64, guest: UInt64) {
        let trip = received - sent
        guard trip < shortest else { return }
        shortest = trip
        offset = sent &+ trip / 2 &- guest
    }

    /// The host's time of a guest's time.
    func host(_ guest: UInt64) -> UInt64 { guest &+ offset }
}
