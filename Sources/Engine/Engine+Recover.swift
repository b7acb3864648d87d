// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import LinuxSystem
import Logging
import Monitor
import StateStore
import SystemPackage
public import TandemModel
import VolumeStore

extension Engine {
    /// Takes up what an earlier daemon has left: adopts what runs, learns how the rest has ended, and removes what belongs to
    /// nothing.
    public func recover() async throws(EngineError) {
        for record in try await state.all() {
            let workload = Workload(record)
            workloads[record.id] = workload
            names[record.name] = record.id
            if record.isRunning { await adopt(workload) }
        }
        await removeStrays()
        await attempt("unmount volumes that nobody uses") { [volumes] () throws(EngineError) in
            try await BlockingQueue.run { () throws(EngineError) in try volumes.sweep() }
        }
        startUnattended()
    }

    private func adopt(_ workload: Workload) async {
        let phases = PhaseRecorder(requested: workload.record.trace?.requested ?? 0)
        for phase in workload.record.trace?.phases ?? [] { phases.record(phase) }
        do throws(EngineError) {
            let plan = try backend(of: workload).plan(try request(workload.id, workload.record.spec, making: false))
            if let instance = try await backend(of: workload).adopt(plan) {
                workload.instance = instance
                workload.plan = plan
                volumes.adopt(volumeNames(workload), by: workload.id.description)
                logger.info("adopted '\(workload.record.name)'")
                watch(workload, phases: phases)
                beginProbing(workload)
                return
            }
        } catch {
            logger.error("'\(workload.record.name)' could not be adopted: \(error)")
        }
        let known = MonitorConnection.recordedExit(at: paths.exitRecord(workload.id))
        workload.record.state = .exited
        workload.record.exit = ExitStatus(code: known?.code ?? 137, outOfMemory: known?.outOfMemory ?? false)
        workload.record.finished = known.map { Timestamp(nanoseconds: $0.time) } ?? HostTime.now
        if known == nil { workload.record.error = "the workload ended while no daemon watched it" }
        do throws(EngineError) {
            if workload.record.spec.removeOnExit {
                try await forget(workload, removingVolumes: true)
            } else {
                try await backend(of: workload).releaseRuntime(workload.id)
                try await state.save(workload.record)
            }
        } catch {
            logger.error("'\(workload.record.name)' left something behind: \(error)")
        }
    }

    private func removeStrays() async {
        for backend in backends.values {
            for id in await backend.strays() where workloads[id]?.instance == nil {
                await attempt("remove what '\(id.short)' has left") { () throws(EngineError) in
                    try await backend.releaseRuntime(id)
                }
            }
        }
        let shortIDs = Set(workloads.values.filter { $0.instance != nil }.map(\.id.short))
        let runFolder = paths.runRoot.appending("workloads")
        for name in Folders.names(in: runFolder) where !shortIDs.contains(name) {
            await attempt("remove '\(name)'") { () throws(EngineError) in try Folders.remove(runFolder.appending(name))
            }
        }
        for name in Folders.names(in: paths.dataRoot.appending("workloads")) {
            guard let id = WorkloadID(name), workloads[id] == nil else { continue }
            for backend in backends.values {
                await attempt("remove the storage of '\(id.short)'") { () throws(EngineError) in
                    try await backend.removeStorage(id)
                }
            }
        }
    }

    private func attempt(_ what: String, _ body: () async throws(EngineError) -> Void) async {
        do throws(EngineError) {
            try await body()
        } catch {
            logger.error("could not \(what): \(error)")
        }
    }
}
