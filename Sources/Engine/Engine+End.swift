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
        workload.forgetPlaces()
        resume(&workload.exitWaiters, with: workload.record.exit)
        let begun = known?.monotonic ?? HostTime.monotonic
        instance.monitor.close()
        if workload.record.spec.removeOnExit && !workload.isRestarting {
            removeEnded(workload)
            return
        }
        // Before anything is taken away: a daemon that is killed meanwhile leaves the end in the record.
        await save(workload)
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
        emitNetworks("disconnect", of: workload)
        emitUnmounts(of: workload)
    }

    /// Takes away what running has left on the host.
    func release(_ workload: Workload) async {
        let (id, name) = (workload.id, workload.record.name)
        await persistently("take away what '\(name)' has left") { [self] () throws(EngineError) in
            try await backend(of: workload).releaseRuntime(id)
            try await releaseVolumes(id)
            try await releaseNetworks(id)
        }
    }

    /// Cleans up, again and again while something is in the way.
    ///
    /// What is left in the end is removed by the next daemon, or with the workload.
    func persistently(_ what: String, _ body: () async throws(EngineError) -> Void) async {
        for pause in [Duration.milliseconds(50), .milliseconds(500), .seconds(2), nil] {
            do throws(EngineError) {
                return try await body()
            } catch {
                guard let pause else { return logger.error("could not \(what): \(error)") }
                logger.debug("could not yet \(what): \(error)")
                // Only the daemon's own end cancels this.
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// `--rm`: the name is free and the caller answered before the kernel has let go of everything.
    private func removeEnded(_ workload: Workload) {
        do throws(EngineError) {
            try vanish(workload, with: anonymousVolumes(of: workload), recordIsThere: true)
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
        let volumes = removingVolumes ? anonymousVolumes(of: workload) : []
        if volumes.isEmpty {
            try await state.remove(workload.id)
        } else {
            try await state.save(workload.record.doomed(with: volumes))
        }
        try vanish(workload, with: volumes, recordIsThere: false)
    }

    /// Takes a workload out of sight at once, and everything that is left of it away in the background.
    ///
    /// A record that is still there must be one that the next daemon would remove too. One that dooms volumes goes last.
    func vanish(_ workload: Workload, with volumes: [String], recordIsThere: Bool) throws(EngineError) {
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
            let failed = { @Sendable [logger] (error: EngineError) in
                logger.error("the record of '\(name)' could not be removed: \(error)")
            }
            if volumes.isEmpty {
                state.enqueueRemoval(id, failed: failed)
            } else {
                state.enqueue(workload.record.doomed(with: volumes), failed: failed)
            }
        }
        emit("destroy", workload)
        resume(&workload.removalWaiters, with: workload.record.exit)
        resume(&workload.exitWaiters, with: workload.record.exit)
        inBackground { [self] in
            await persistently("take away what '\(name)' has left") { () throws(EngineError) in
                try await backend.releaseRuntime(id)
                try await releaseVolumes(id)
                try await releaseNetworks(id)
                try await backend.removeStorage(id)
                guard !volumes.isEmpty else { return }
                try await removeAnonymousVolumes(volumes)
                try await state.remove(id)
            }
            await releaseImages()
        }
    }

    private func anonymousVolumes(of workload: Workload) -> [String] {
        workload.record.spec.mounts.compactMap { mount in
            guard mount.anonymous, case .volume(let name) = mount.source else { return nil }
            return name
        }
    }
}

extension WorkloadRecord {
    /// The record of a workload that is being removed, which is only there for the volumes that go with it.
    fileprivate func doomed(with volumes: [String]) -> WorkloadRecord {
        var record = self
        record.doomedVolumes = volumes
        // Its name may be taken again at once; no other workload has an id for a name.
        record.name = id.description
        record.state = .removing
        return record
    }
}
