// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The one program that runs closest to a workload, in one of two roles: `monitor` on the host, or process 1 of a guest.
@main
struct Main {
    static func main() {
        let begun = tandem_monotonic()
        if getpid() == 1 { runAgent(begun: begun) }
        // Embedded Swift hands no arguments on; proc(5) has them, separated by zero bytes.
        let arguments = split(readFile(bytes("/proc/self/cmdline")) ?? [], at: 0)
        guard arguments.count > 1, Bytes(arguments[1]) == bytes("monitor") else {
            let text = bytes(
                "tandem-init is started by tandemd, and by the kernel of a guest; it has no use of its own\n")
            _ = writeAll(2, text)
            exit(2)
        }
        runMonitor(begun: begun)
    }

    /// Descriptor 3 holds the plan, 4 is the engine's first connection.
    private static func runMonitor(begun: UInt64) -> Never {
        guard let plan = readPlan() else {
            _ = writeAll(2, bytes("tandem-init: the plan at descriptor 3 cannot be read\n"))
            exit(1)
        }
        _ = tandem_set_close_on_exec(4, 1)
        _ = tandem_set_name("tandem-monitor")
        let loop = EventLoop()
        let signals = tandem_signal_descriptor()
        let core: MonitorCore
        if plan.guestChannelPath.isEmpty {
            let runner = LocalRunner(on: loop, holdsMounts: true)
            core = MonitorCore(plan, runner: runner, on: loop, begun: begun)
            watchChildren(signals, loop, runner)
        } else {
            core = MonitorCore(plan, runner: GuestRunner(plan, on: loop), on: loop, begun: begun)
            loop.watch(signals, EventLoop.readable) { _ in drainSignals(signals) }
        }
        if let failure = core.open(control: 4) {
            // Nobody listens yet; the engine reads this from the socket before it sees the end.
            _ = writeAll(4, Frame(.failed, payload: failure.encoded()).encoded())
            exit(1)
        }
        loop.run()
        exit(0)
    }

    private static func readPlan() -> MonitorPlan? {
        _ = lseek(3, 0, SEEK_SET)
        let content = readAll(3, limit: 16 << 20)
        close(3)
        return try? MonitorPlan(decoding: content)  // the caller says that it could not be read
    }

    static func watchChildren(_ signals: Int32, _ loop: EventLoop, _ runner: LocalRunner) {
        loop.watch(signals, EventLoop.readable) { _ in
            drainSignals(signals)
            runner.reapChildren()
        }
    }

    /// Every signal but SIGCHLD is ignored: a monitor ends only by its own decision.
    private static func drainSignals(_ signals: Int32) {
        var information = signalfd_siginfo()
        while read(signals, &information, MemoryLayout<signalfd_siginfo>.size) > 0 {}
    }
}
