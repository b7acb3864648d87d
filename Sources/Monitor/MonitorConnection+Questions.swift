// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LaunchProtocol
import LinuxSystem
public import TandemModel

extension MonitorConnection {
    /// The processes of the workload.
    public func listProcesses() async throws(EngineError) -> ProcessTable {
        guard let frame = await ask(Frame(.listProcesses)), frame.kind == .processes,
            let table = try? ProcessTable(decoding: frame.payload)  // nonsense is no answer
        else { throw EngineError(.conflict, "the workload does not say which processes it has: it is about to end") }
        return table
    }

    /// The executor's own view of its resources; of use for a guest.
    public func guestUsage() async throws(EngineError) -> GuestUsage {
        guard let frame = await ask(Frame(.guestUsage)), frame.kind == .usage,
            let usage = try? GuestUsage(decoding: frame.payload)  // nonsense is no answer
        else { throw EngineError(.conflict, "the guest does not say what it uses: it is about to end") }
        return usage
    }

    /// Lets the workload of a guest have at most so many processes and threads; 0 is no limit.
    public func limitProcesses(_ limit: UInt64) async throws(EngineError) {
        var writer = ByteWriter()
        writer.write(limit)
        guard let frame = await ask(Frame(.limitProcesses, payload: writer.bytes)) else {
            throw EngineError(.conflict, "the guest does not answer: it is about to end")
        }
        guard frame.kind == .done else { throw EngineError(launchFailure: frame.payload) }
    }

    /// Changes the network of the workload.
    ///
    /// An interface that has just been plugged in takes a guest's kernel a moment to find.
    public func changeNetwork(_ change: NetworkChange) async throws(EngineError) {
        let end = HostTime.monotonic + 10_000_000_000
        while true {
            guard let frame = await ask(Frame(.changeNetwork, payload: change.encoded())) else {
                throw EngineError(.conflict, "the workload does not answer: it is about to end")
            }
            if frame.kind == .done { return }
            let failure = EngineError(launchFailure: frame.payload)
            guard (try? LaunchFailure(decoding: frame.payload))?.errno == ENODEV,  // nonsense is no such answer
                HostTime.monotonic < end
            else { throw failure }
            // Only the daemon's own end cancels this.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }
}
