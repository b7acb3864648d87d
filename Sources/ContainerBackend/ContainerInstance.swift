// SPDX-License-Identifier: Apache-2.0

import Backend
import LinuxSystem
import Monitor
import Synchronization
import TandemModel

/// A container between `prepare` and its end.
final class ContainerInstance: WorkloadInstance {
    let monitor: MonitorConnection
    let answersWhilePaused = true
    private let name: String
    private let cgroups: any CgroupDriver

    /// `onceLaunched` is called as soon as the layers on the host are not needed any more.
    init(
        group: String, monitor: MonitorConnection, cgroups: any CgroupDriver,
        onceLaunched: @escaping @Sendable () -> Void
    ) {
        name = group
        self.monitor = monitor
        self.cgroups = cgroups
        Task { [monitor] in
            // The error goes to whoever starts it.
            _ = try? await monitor.waitForLaunch()
            onceLaunched()
        }
    }

    func hostProcess() async -> Int32? { monitor.processID }

    func pause() async throws(EngineError) { try await setFrozen(true) }

    func resume() async throws(EngineError) { try await setFrozen(false) }

    private func setFrozen(_ frozen: Bool) async throws(EngineError) {
        try await BlockingQueue.run { [cgroups, name] () throws(EngineError) in try cgroups.setFrozen(frozen, name) }
    }

    func usage() async throws(EngineError) -> ResourceUsage {
        try await BlockingQueue.run { [cgroups, name] () throws(EngineError) in try cgroups.usage(name) }
    }

    func footprintProcesses() async throws(EngineError) -> [FootprintProcess] {
        let workload = await BlockingQueue.run { [cgroups, name] in cgroups.processes(name) }
        return [FootprintProcess(role: "monitor", pid: monitor.monitorProcess)]
            + workload.map { FootprintProcess(role: "workload", pid: $0) }
    }

    func connect(_ link: WorkloadLink) async throws(EngineError) {
        let process = try workloadProcess
        try await BlockingQueue.run { () throws(EngineError) in
            try ContainerNetwork.connect(link, toNetworkOf: process)
        }
    }

    func disconnect(_ endpoint: Endpoint) async throws(EngineError) {
        // With its last process, its network has gone.
        guard let process = monitor.processID else { return }
        try await BlockingQueue.run { () throws(EngineError) in
            try ContainerNetwork.disconnect(endpoint, fromNetworkOf: process)
        }
    }

    private var workloadProcess: Int32 {
        get throws(EngineError) {
            guard let process = monitor.processID else {
                throw EngineError(.conflict, "the container is not running", hint: "Start it first.")
            }
            return process
        }
    }

    func wasOutOfMemory() async -> Bool {
        await BlockingQueue.run { [cgroups, name] in cgroups.outOfMemoryKills(name) > 0 }
    }

    func update(_ limits: ResourceLimits, from present: ResourceLimits) async throws(EngineError) {
        let lacks = cgroups.unsupported(limits)
        guard lacks.isEmpty else { throw EngineError(.unsupported, lacks.joined(separator: "; ")) }
        try await BlockingQueue.run { [cgroups, name] () throws(EngineError) in try cgroups.update(name, limits: limits)
        }
    }
}
