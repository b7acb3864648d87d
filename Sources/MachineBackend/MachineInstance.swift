// SPDX-License-Identifier: Apache-2.0

import Backend
import LinuxSystem
import Monitor
import TandemModel

/// A VM between `prepare` and its end.
final class MachineInstance: WorkloadInstance {
    let monitor: MonitorConnection
    let answersWhilePaused = false
    let names: MachineNames
    private let group: String
    let connection: LibvirtConnection
    private let cgroups: (any CgroupDriver)?
    private let finder: MachineProcesses

    init(
        names: MachineNames, group: String, monitor: MonitorConnection, connection: LibvirtConnection,
        cgroups: (any CgroupDriver)?,
        finder: MachineProcesses
    ) {
        self.finder = finder
        self.names = names
        self.group = group
        self.monitor = monitor
        self.connection = connection
        self.cgroups = cgroups
    }

    func hostProcess() async -> Int32? {
        await processes().first { $0.role == "vmm" }?.pid
    }

    private func processes() async -> [(pid: Int32, role: String)] {
        await BlockingQueue.run { [finder, id = names.id] in finder.all(of: id) }
    }

    func pause() async throws(EngineError) {
        do throws(LibvirtError) {
            try await connection.suspend(uuid: names.uuid)
        } catch {
            throw failure("paused", error)
        }
    }

    func resume() async throws(EngineError) {
        do throws(LibvirtError) {
            try await connection.resume(uuid: names.uuid)
        } catch  where error.isInvalidState {
            // It goes on already: a daemon that was killed had not come to freeze it.
        } catch {
            throw failure("resumed", error)
        }
    }

    func failure(_ what: String, _ error: LibvirtError) -> EngineError {
        EngineError(
            error.isMissingDomain || error.isInvalidState ? .conflict : .internal,
            "the VM '\(names.id.short)' cannot be \(what): \(error.text)", cause: error)
    }

    func usage() async throws(EngineError) -> ResourceUsage {
        guard let cgroups else {
            throw EngineError(.unsupported, "the use of resources is not known: this host has no control groups")
        }
        return try await BlockingQueue.run { [group] () throws(EngineError) in try cgroups.usage(group) }
    }

    func footprintProcesses() async throws(EngineError) -> [FootprintProcess] {
        [FootprintProcess(role: "monitor", pid: monitor.monitorProcess)]
            + (await processes()).map {
                // What QEMU calls the file of a guest's memory, which virtiofsd maps too.
                FootprintProcess(role: $0.role, pid: $0.pid, guestMapping: "/memfd:memory-backend")
            }
    }

    /// The guest's kernel tells the agent, and the exit record has it.
    func wasOutOfMemory() async -> Bool { false }

    func update(_ limits: ResourceLimits, from present: ResourceLimits) async throws(EngineError) {
        let processors: Int
        do throws(LibvirtError) {
            processors = try await connection.processors(uuid: names.uuid)
        } catch {
            throw failure("updated", error)
        }
        let lacks = MachineLimits(limits).lacks(in: names.id, from: MachineLimits(present), processors: processors)
        guard lacks.isEmpty else {
            throw EngineError(
                .conflict, lacks.joined(separator: "; "),
                hint: "Stop it first: tandem stop \(names.id.short), then update and start it.")
        }
        let held = MachineLimits(limits).onHost
        if held != MachineLimits(present).onHost {
            let refusals = MachineLimits(limits).unsupported(by: cgroups)
            guard refusals.isEmpty else { throw EngineError(.unsupported, refusals.joined(separator: "; ")) }
            try await BlockingQueue.run { [cgroups, group] () throws(EngineError) in
                try cgroups?.update(group, limits: held)
            }
        }
        if limits.pids != present.pids { try await monitor.limitProcesses(UInt64(max(0, limits.pids ?? 0))) }
    }
}
