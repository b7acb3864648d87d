// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The two ends of a process's standard streams.
struct Streams {
    /// Our ends; -1 where there is none.
    ///
    /// With a terminal, `input` and `output` are the same descriptor: its master.
    var input: Int32 = -1
    var output: Int32 = -1
    var errors: Int32 = -1
    /// The process's ends of pipes; -1 with a terminal.
    var childInput: Int32 = -1
    var childOutput: Int32 = -1
    var childErrors: Int32 = -1
    /// A socket pair on which the child sends the master of the terminal that it has made in its own /dev/pts.
    var terminalParent: Int32 = -1
    var terminalChild: Int32 = -1

    /// Makes pipes, or the socket pair for a terminal.
    static func make(for plan: ProcessPlan) -> Result<Streams, LaunchFailure> {
        var streams = Streams()
        var made: Int32
        if plan.terminal {
            var pair: [Int32] = [-1, -1]
            made = tandem_socket_pair(&pair)
            (streams.terminalParent, streams.terminalChild) = (pair[0], pair[1])
        } else {
            made = 0
            if plan.openStandardInput {
                made = pipe(&streams.childInput, &streams.input)
            } else {
                streams.childInput = open(bytes("/dev/null"), O_RDONLY)
                made = streams.childInput
            }
            if made >= 0 { made = pipe(&streams.output, &streams.childOutput) }
            if made >= 0 { made = pipe(&streams.errors, &streams.childErrors) }
        }
        guard made >= 0 else {
            let failure = LaunchFailure(.standardStreams, errno: tandem_errno())
            streams.closeAll()
            return .failure(failure)
        }
        return .success(streams)
    }

    private static func pipe(_ reader: inout Int32, _ writer: inout Int32) -> Int32 {
        var pair: [Int32] = [-1, -1]
        let made = pipe2(&pair, O_CLOEXEC)
        (reader, writer) = (pair[0], pair[1])
        return made
    }

    /// Closes the child's ends in the parent.
    mutating func closeChildEnds() {
        for descriptor in [childInput, childOutput, childErrors, terminalChild] where descriptor >= 0 {
            close(descriptor)
        }
        (childInput, childOutput, childErrors, terminalChild) = (-1, -1, -1, -1)
    }

    /// Waits for the terminal's master.
    mutating func receiveTerminal() {
        guard terminalParent >= 0 else { return }
        let master = tandem_receive_descriptor(terminalParent)
        close(terminalParent)
        terminalParent = -1
        (input, output) = (master, master)
    }

    /// Closes everything.
    mutating func closeAll() {
        closeChildEnds()
        for descriptor in [input, output == input ? -1 : output, errors, terminalParent] where descriptor >= 0 {
            close(descriptor)
        }
        (input, output, errors, terminalParent) = (-1, -1, -1, -1)
    }

    /// Puts the streams in place in the child.
    ///
    /// With a terminal, it is made in the /dev/pts that the child sees.
    func connect(_ plan: ProcessPlan, isFirst: Bool, _ report: FailureReport) {
        if plan.terminal {
            connectTerminal(plan, isFirst: isFirst, report)
        } else {
            for (source, target) in [(childInput, 0), (childOutput, 1), (childErrors, 2)] as [(Int32, Int32)] {
                report.check(dup2(source, target), .standardStreams)
            }
        }
    }

    private func connectTerminal(_ plan: ProcessPlan, isFirst: Bool, _ report: FailureReport) {
        let master = open(bytes("/dev/pts/ptmx"), O_RDWR | O_NOCTTY)
        report.check(master, .standardStreams, bytes("/dev/pts/ptmx"))
        let peer = tandem_open_peer(master)
        report.check(peer, .standardStreams, bytes("/dev/pts"))
        if plan.rows > 0 || plan.columns > 0 { _ = tandem_set_window_size(master, plan.rows, plan.columns) }
        if isFirst { bindConsole(tandem_peer_number(master), report) }
        report.check(tandem_send_descriptor(terminalChild, master), .standardStreams)
        close(master)
        report.check(setsid(), .standardStreams)
        report.check(tandem_make_controlling(peer), .standardStreams, bytes("TIOCSCTTY"))
        for target in Int32(0)...2 { report.check(dup2(peer, target), .standardStreams) }
        close(peer)
    }

    /// `/dev/console` is the first process's terminal, as in Docker.
    private func bindConsole(_ number: Int32, _ report: FailureReport) {
        let console = open(bytes("/dev/console"), O_CREAT | O_WRONLY | O_NOFOLLOW | O_NOCTTY, mode: 0o600)
        guard console >= 0 else { return }  // a read-only or foreign /dev: Docker's tmpfs has it always
        close(console)
        let bound = mountFileSystem(
            source: bytes("/dev/pts/") + digits(Int(number)), target: bytes("/dev/console"), type: [],
            flags: UInt(MS_BIND), options: [])
        report.check(bound, .standardStreams, bytes("/dev/console"))
    }
}
