// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LaunchProtocol
import LinuxSystem
import Logging
import Monitor
import Networking
import StateStore
import SystemPackage
public import TandemModel
import VolumeStore

extension Engine {
    /// Takes up what an earlier daemon has left: adopts what runs, learns how the rest has ended, and removes what belongs to
    /// nothing.
    public func recover() async throws(EngineError) {
        for record in try await state.all() {
            workloads[record.id] = Workload(record)
            names[record.name] = record.id
        }
        for workload in Array(workloads.values) { await takeUp(workload) }
        await removeStrays()
        await attempt("remove what earlier networks have left") { [networks] () throws(EngineError) in
            try await BlockingQueue.run { () throws(EngineError) in try networks.sweep() }
        }
        await attempt("unmount volumes that nobody uses") { [volumes] () throws(EngineError) in
            try await BlockingQueue.run { () throws(EngineError) in try volumes.sweep() }
        }
        await releaseImages()
        startUnattended()
    }

    /// A record may be older than what has happened: the daemon may have been killed before it could write.
    private func takeUp(_ workload: Workload) async {
        if workload.record.doomedVolumes != nil {
            await attempt("take the unfinished '\(workload.record.name)' back") { () throws(EngineError) in
                try await takeBack(workload)
            }
            return
        }
        if await adopt(workload) { return }
        workload.forgetPlaces()
        let hasEnded = noteEnd(of: workload)
        await attempt("take away what '\(workload.record.name)' has left") { () throws(EngineError) in
            if workload.record.spec.removeOnExit || workload.record.spec.isBuildStep == true {
                try await forget(workload, removingVolumes: true)
            } else if hasEnded {
                try await backend(of: workload).releaseRuntime(workload.id)
                try await state.save(workload.record)
            }
        }
    }

    /// Takes up a workload that runs, whatever its record says: its monitor knows better.
    ///
    /// - Returns: Whether it runs.
    private func adopt(_ workload: Workload) async -> Bool {
        let socket = paths.monitorSocket(workload.id)
        guard workload.record.isRunning || socket.withPlatformString({ access($0, F_OK) == 0 }) else { return false }
        do throws(EngineError) {
            let plan = try backend(of: workload).plan(try request(workload.id, workload.record.spec, making: false))
            guard let instance = try await backend(of: workload).adopt(plan) else { return false }
            do throws(EngineError) {
                // The daemon may have been killed while it waited for this itself.
                _ = try await instance.monitor.waitForLaunch()
            } catch {
                instance.monitor.close()
                throw error
            }
            workload.instance = instance
            workload.plan = plan
            networks.adopt(
                workload.id, workload.record.endpoints ?? [], workload.record.publishedPorts ?? [])
            volumes.adopt(volumeNames(workload), by: workload.id.description)
            if !workload.record.isRunning { await noteStart(of: workload, instance.monitor) }
            logger.info("adopted '\(workload.record.name)'")
            let phases = PhaseRecorder(requested: workload.record.trace?.requested ?? 0)
            for phase in workload.record.trace?.phases ?? [] { phases.record(phase) }
            watch(workload, phases: phases)
            beginProbing(workload)
            await attempt("finish what changed in the networks of '\(workload.record.name)'") {
                () throws(EngineError) in
                try await finishChange(of: workload)
            }
            return true
        } catch {
            logger.error("'\(workload.record.name)' could not be adopted: \(error)")
            return false
        }
    }

    /// Puts a start into the record that the earlier daemon had no time to write down.
    private func noteStart(of workload: Workload, _ monitor: MonitorConnection) async {
        let age = HostTime.monotonic &- (monitor.begun ?? HostTime.monotonic)
        workload.record.state = .running
        workload.record.started = Timestamp(nanoseconds: HostTime.now.nanoseconds - Int64(clamping: age))
        workload.record.exit = nil
        workload.record.error = ""
        workload.record.trace = StartupTrace(requested: monitor.begun ?? HostTime.monotonic)
        await save(workload)
    }

    /// Puts an end into the record that no daemon has seen.
    ///
    /// - Returns: Whether there was one.
    private func noteEnd(of workload: Workload) -> Bool {
        let known = MonitorConnection.recordedExit(at: paths.exitRecord(workload.id))
        let isNews = known.map { $0.time != workload.record.finished?.nanoseconds } ?? false
        guard workload.record.isRunning || isNews else { return false }
        let finished = known.map { Timestamp(nanoseconds: $0.time) } ?? HostTime.now
        if !workload.record.isRunning { workload.record.started = finished }
        workload.record.state = .exited
        workload.record.exit = ExitStatus(code: known?.code ?? 137, outOfMemory: known?.outOfMemory ?? false)
        workload.record.finished = finished
        workload.record.error =
            known == nil
            ? "the workload ended while no daemon watched it"
            : known?.guestLost == true ? "the guest ended before its workload" : ""
        return true
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
