// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Process 1 of a guest: runs the workload's processes for the monitor on the host.
final class Agent {
    /// Output of one stream that may be on its way without having been credited.
    private static let window = 256 << 10

    private let loop = EventLoop()
    private let channel: FrameChannel
    private let runner: LocalRunner
    private let begun: UInt64
    private var outstanding: [UInt64: Int] = [:]
    private var isPoweringOff = false

    init(port: Int32, begun: UInt64) {
        self.begun = begun
        channel = FrameChannel(port, on: loop)
        runner = LocalRunner(on: loop, holdsMounts: false)
        channel.onFrame = { [self] frame in handle(frame) }
        channel.onClose = { powerOffGuest() }
        channel.onDrained = { [self] in if isPoweringOff { powerOffGuest() } }
        runner.onStarted = { [self] process, pid in
            var writer = ByteWriter()
            writer.write(pid)
            channel.send(Frame(.started, process: process, payload: writer.bytes))
        }
        runner.onFailed = { [self] process, failure in
            channel.send(Frame(.failed, process: process, payload: failure.encoded()))
        }
        runner.onOutput = { [self] process, stream, bytes in output(process, stream, bytes) }
        runner.onExited = { [self] process, record in
            channel.send(Frame(.exited, process: process, payload: record.encoded()))
        }
        runner.onPhase = { [self] code, start, end in phase(code, start, end) }
        runner.onAnswer = { [self] frame in channel.send(frame) }
        runner.onInputTaken = { [self] process, count in
            var writer = ByteWriter()
            writer.write(UInt32(truncatingIfNeeded: count))
            writer.write(UInt8(0))
            channel.send(Frame(.credit, process: process, payload: writer.bytes))
        }
    }

    /// Says hello and serves until the guest is powered off.
    func run() -> Never {
        let signals = tandem_signal_descriptor()
        Main.watchChildren(signals, loop, runner)
        channel.open()
        var writer = ByteWriter()
        writer.write(UInt32(launchProtocolVersion))
        writer.write(begun)
        writer.write(tandem_monotonic())
        channel.send(Frame(.hello, payload: writer.bytes))
        loop.run()
        powerOffGuest()
    }

    private func handle(_ frame: Frame) {
        var reader = ByteReader(frame.payload)
        switch frame.kind {
        case .ping:
            var writer = ByteWriter()
            writer.write(tandem_monotonic())
            channel.send(Frame(.pong, payload: frame.payload + writer.bytes))
        case .start:
            phase(.agent, begun, tandem_monotonic())
            guard let plan = try? LaunchPlan(decoding: frame.payload) else {
                return runner.onFailed(0, LaunchFailure(.plan, errno: EPROTO))
            }
            runner.start(plan)
        case .execute:
            guard let plan = try? ProcessPlan(decoding: frame.payload) else {
                return runner.onFailed(frame.process, LaunchFailure(.plan, errno: EPROTO))
            }
            runner.execute(frame.process, plan)
        case .input: runner.input(frame.process, frame.payload)
        case .closeInput: runner.closeInput(frame.process)
        case .resize:
            guard let rows = try? reader.number(UInt16.self), let columns = try? reader.number(UInt16.self) else {
                return
            }
            runner.resize(frame.process, rows: rows, columns: columns)
        case .signal:
            guard let number = try? reader.number(UInt32.self), let all = try? reader.bool() else { return }
            runner.signal(frame.process, number: Int32(bitPattern: number), toAll: all)
        case .listProcesses: runner.listProcesses()
        case .guestUsage: runner.guestUsage()
        case .limitProcesses:
            guard let limit = try? reader.number(UInt64.self) else { return }
            runner.limitProcesses(limit)
        case .changeNetwork:
            guard let change = try? NetworkChange(decoding: frame.payload) else {
                return channel.send(Frame(.refused, payload: LaunchFailure(.plan, errno: EPROTO).encoded()))
            }
            runner.changeNetwork(change)
        case .credit:
            guard let count = try? reader.number(UInt32.self), let stream = try? reader.number(UInt8.self) else {
                return
            }
            credited(frame.process, stream, Int(count))
        case .powerOff:
            isPoweringOff = true
            if channel.backlog == 0 { powerOffGuest() }
        default: break
        }
    }

    private func phase(_ code: PhaseCode, _ start: UInt64, _ end: UInt64) {
        var writer = ByteWriter()
        writer.write(code.rawValue)
        writer.write(start)
        writer.write(end)
        channel.send(Frame(.phase, payload: writer.bytes))
    }

    private func output(_ process: UInt32, _ stream: UInt8, _ bytes: Bytes) {
        channel.send(Frame(.output, process: process, payload: [stream] + bytes))
        let sum = (outstanding[key(process, stream)] ?? 0) + bytes.count
        outstanding[key(process, stream)] = sum
        if sum > Self.window { runner.setOutputPaused(process, true) }
    }

    private func credited(_ process: UInt32, _ stream: UInt8, _ count: Int) {
        let rest = max(0, (outstanding[key(process, stream)] ?? 0) - count)
        outstanding[key(process, stream)] = rest
        let others = outstanding[key(process, 3 - stream)] ?? 0
        if rest <= Self.window / 2 && others <= Self.window { runner.setOutputPaused(process, false) }
    }

    private func key(_ process: UInt32, _ stream: UInt8) -> UInt64 { UInt64(process) << 8 | UInt64(stream) }
}

/// What process 1 of a guest does.
func runAgent(begun: UInt64) -> Never {
    switch bringUpGuest() {
    case .success(let port): Agent(port: port, begun: begun).run()
    case .failure(let failure):
        _ = writeAll(2, bytes("tandem-init: the guest cannot be set up at step ") + digits(Int(failure.step.rawValue)))
        _ = writeAll(2, bytes(", error ") + digits(Int(failure.errno)) + bytes(": ") + failure.object + [0x0A])
        powerOffGuest()
    }
}
