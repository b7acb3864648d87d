// SPDX-License-Identifier: Apache-2.0

import Backend
import LinuxSystem
import Monitor
import TandemModel

/// A VM between `prepare` and its end.
final class MachineInstance: WorkloadInstance {
    let monitor: MonitorConnection
    private let names: MachineNames
    private let connection: LibvirtConnection
    private let cgroups: (any CgroupDriver)?
    private let finder: MachineProcesses

    init(
        names: MachineNames, monitor: MonitorConnection, connection: LibvirtConnection, cgroups: (any CgroupDriver)?,
        finder: MachineProcesses
    ) {
        self.finder = finder
        self.names = names
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
        } catch {
            throw failure("resumed", error)
        }
    }

    private func failure(_ what: String, _ error: LibvirtError) -> EngineError {
        EngineError(
            error.isMissingDomain || error.isInvalidState ? .conflict : .internal,
            "the VM '\(names.id.short)' cannot be \(what): \(error.text)", cause: error)
    }

    func usage() async throws(EngineError) -> ResourceUsage {
        guard let cgroups else {
            throw EngineError(.unsupported, "the use of resources is not known: this host has no control groups")
        }
        let name = names.id.description
        return try await BlockingQueue.run { () throws(EngineError) in try cgroups.usage(name) }
    }

    func footprintProcesses() async throws(EngineError) -> [FootprintProcess] {
        [FootprintProcess(role: "monitor", pid: monitor.monitorProcess)]
            + (await processes()).map { FootprintProcess(role: $0.role, pid: $0.pid) }
    }

    /// The guest's kernel tells the agent, and the exit record has it.
    func wasOutOfMemory() async -> Bool { false }

    func update(_ limits: ResourceLimits) async throws(EngineError) {
        guard limits.memory == nil, limits.pids == nil, limits.cpuset.isEmpty else {
            throw EngineError(
                .unsupported, "the memory and processor set of a running VM cannot be changed",
                hint: "Stop it, change them, and start it again.")
        }
        guard let cgroups else {
            throw EngineError(.unsupported, "limits cannot be changed: this host has no control groups")
        }
        let name = names.id.description
        try await BlockingQueue.run { () throws(EngineError) in try cgroups.update(name, limits: limits) }
    }
}
