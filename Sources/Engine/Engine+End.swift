// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import LinuxSystem
import Logging
import Monitor
import StateStore
import TandemModel
import VolumeStore

extension Engine {
    /// Records an end, tells everyone who waits for it, and then cleans up.
    func ended(_ id: WorkloadID, _ record: ExitRecord?, phases: PhaseRecorder) async {
        guard let workload = workloads[id], let instance = workload.instance else { return }
        await workload.gate.enter()
        defer { workload.gate.leave() }
        // A monitor that was killed may still have written the end down.
        let known = record ?? MonitorConnection.recordedExit(at: paths.exitRecord(id))
        let isOutOfMemory = await instance.wasOutOfMemory() || known?.outOfMemory == true
        workload.instance = nil
        endProbing(workload)
        workload.record.exit = ExitStatus(code: known?.code ?? 137, outOfMemory: isOutOfMemory)
        workload.record.finished = known.map { Timestamp(nanoseconds: $0.time) } ?? HostTime.now
        settleEnd(of: workload)
        if known == nil { workload.record.error = "the workload's monitor was killed" }
        if known?.guestLost == true { workload.record.error = "the guest ended before its workload" }
        workload.record.trace = phases.snapshot
        for number in workload.executions.keys where workload.executions[number]?.isRunning == true {
            let code = workload.executions[number]?.exitCode
            workload.executions[number]?.isRunning = false
            workload.executions[number]?.exitCode = code ?? 137
        }
        emitEnd(of: workload)
        resume(&workload.exitWaiters, with: workload.record.exit)
        let begun = known?.monotonic ?? HostTime.monotonic
        instance.monitor.close()
        if workload.record.spec.removeOnExit {
            removeEnded(workload)
            return
        }
        await release(workload)
        phases.record(Phase(.cleanup, start: begun, end: HostTime.monotonic))
        workload.record.trace = phases.snapshot
        await save(workload)
    }

    private func emitEnd(of workload: Workload) {
        let record = workload.record
        if record.exit?.outOfMemory == true { emit("oom", workload) }
        let began = record.started?.nanoseconds ?? 0
        let seconds = max(0, (record.finished?.nanoseconds ?? began) - began) / 1_000_000_000
        emit(
            "die", workload, ["exitCode": String(record.exit?.code ?? 0), "execDuration": String(seconds)])
        emitUnmounts(of: workload)
    }

    private func release(_ workload: Workload) async {
        do throws(EngineError) {
            try await backend(of: workload).releaseRuntime(workload.id)
            try await releaseVolumes(workload.id)
        } catch {
            logger.error("'\(workload.record.name)' left something behind: \(error)")
        }
    }

    /// `--rm`: the name is free and the caller answered before the kernel has let go of everything.
    private func removeEnded(_ workload: Workload) {
        do throws(EngineError) {
            try vanish(workload, removingVolumes: true, recordIsThere: true)
        } catch {
            logger.error("'\(workload.record.name)' could not be removed: \(error)")
        }
    }

    func save(_ workload: Workload) async {
        do throws(EngineError) {
            try await state.save(workload.record)
        } catch {
            logger.error("the record of '\(workload.record.name)' could not be written: \(error)")
        }
    }

    func resume(_ waiters: inout [UInt64: CheckedContinuation<ExitStatus?, Never>], with status: ExitStatus?) {
        let resumed = waiters
        waiters = [:]
        for waiter in resumed.values { waiter.resume(returning: status) }
    }

    /// Takes a workload that does not run out of the records, and what it has on the host away.
    ///
    /// The gate is closed. The record goes first: whatever a crash leaves after that, the next start of the daemon finds by
    /// its name and removes.
    func forget(_ workload: Workload, removingVolumes: Bool) async throws(EngineError) {
        try await state.remove(workload.id)
        try vanish(workload, removingVolumes: removingVolumes, recordIsThere: false)
    }

    /// Takes a workload out of sight at once, and everything that is left of it away in the background.
    ///
    /// A record that is still there must be one that the next daemon would remove too.
    func vanish(_ workload: Workload, removingVolumes: Bool, recordIsThere: Bool) throws(EngineError) {
        let backend = try backend(of: workload)
        let id = workload.id
        workload.isRemoved = true
        workloads[id] = nil
        names[workload.record.name] = nil
        for execution in workload.executions.keys { executions[execution] = nil }
        for client in workload.pendingAttachments { client.continuation.resume(returning: nil) }
        workload.pendingAttachments = []
        let name = workload.record.name
        if recordIsThere {
            // Before anybody may take the name again.
            state.enqueueRemoval(id) { [logger] error in
                logger.error("the record of '\(name)' could not be removed: \(error)")
            }
        }
        emit("destroy", workload)
        resume(&workload.removalWaiters, with: workload.record.exit)
        resume(&workload.exitWaiters, with: workload.record.exit)
        let anonymous = removingVolumes ? anonymousVolumes(of: workload) : []
        inBackground { [self] in
            do throws(EngineError) {
                try await backend.releaseRuntime(id)
                try await releaseVolumes(id)
                try await backend.removeStorage(id)
                try await removeAnonymousVolumes(anonymous)
            } catch {
                logger.error("'\(name)' left something behind: \(error)")
            }
        }
    }

    private func anonymousVolumes(of workload: Workload) -> [String] {
        workload.record.spec.mounts.compactMap { mount in
            guard mount.anonymous, case .volume(let name) = mount.source else { return nil }
            return name
        }
    }
}
