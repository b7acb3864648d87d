// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Logging
import StateStore
import TandemModel

/// Starts that no user asks for: those of the restart policy.
extension Engine {
    /// Puts into the record what follows an end, and sees to the next start if there is one.
    ///
    /// The gate is closed; the start waits for it.
    func settleEnd(of workload: Workload) {
        guard let delay = workload.restarts.next(after: end(of: workload), of: workload) else {
            workload.record.state = .exited
            return
        }
        workload.record.state = .restarting
        workload.record.restartCount += 1
        scheduleStart(of: workload, after: delay)
    }

    /// Starts, as dockerd does at its own start, what does not run and should.
    func startUnattended() {
        for workload in workloads.values where workload.instance == nil {
            // The daemon ended before the next start was due.
            if workload.record.state == .restarting { workload.record.state = .exited }
            guard workload.record.started != nil,
                workload.restarts.next(after: end(of: workload), of: workload) != nil
            else { continue }
            workload.beginUserStart()
            workload.record.state = .restarting
            scheduleStart(of: workload, after: .zero)
        }
    }

    private func end(of workload: Workload) -> RestartSchedule.End {
        let record = workload.record
        let began = record.started?.nanoseconds ?? 0
        return RestartSchedule.End(
            code: record.exit?.code ?? 0,
            duration: .nanoseconds(max(0, (record.finished?.nanoseconds ?? began) - began)),
            isWanted: record.stoppedByUser)
    }

    private func scheduleStart(of workload: Workload, after delay: Duration) {
        workload.pendingStart?.cancel()
        workload.pendingStart = Task { [id = workload.id] in
            do {
                try await Task.sleep(for: delay)
            } catch {
                return  // cancelled: stopped, or started by the user
            }
            guard !isShuttingDown else { return }
            inBackground { await self.startAgain(id) }
        }
    }

    private func startAgain(_ id: WorkloadID) async {
        guard let workload = workloads[id] else { return }
        await workload.gate.enter()
        defer { workload.gate.leave() }
        // Stopped or removed while it waited at the gate.
        guard workload.record.state == .restarting, !workload.isRemoved, !isShuttingDown else { return }
        let exit = workload.record.exit
        do throws(EngineError) {
            try await launch(workload, requested: HostTime.monotonic)
        } catch {
            // As dockerd: a policy answers ends, not failed starts; the record shows the end and the failure.
            logger.error("'\(workload.record.name)' could not be started again: \(error)")
            workload.record.exit = exit
            workload.record.state = .exited
            await save(workload)
        }
    }

    /// Ends the wait for a start of the policy, if that is where a workload stands.
    ///
    /// - Returns: Whether it was; if not, it runs, or does not and will not.
    func endRestarting(_ workload: Workload) async -> Bool {
        guard workload.record.state == .restarting else { return false }
        await workload.gate.enter()
        defer { workload.gate.leave() }
        // The start may have been under way.
        guard workload.record.state == .restarting else { return false }
        workload.pendingStart?.cancel()
        workload.pendingStart = nil
        workload.restarts.cancel()
        workload.record.stoppedByUser = true
        workload.record.state = .exited
        resume(&workload.exitWaiters, with: workload.record.exit)
        await save(workload)
        return true
    }

    /// Notes, before a signal is sent, that the end which it may bring is what the user wants.
    func noteUserStop(of workload: Workload, signal: Int32) async {
        guard workload.record.spec.restart != .never else { return }
        let stopSignal = workload.record.spec.stopSignal
        // As dockerd: a signal that is not the one which the user named for stopping says nothing about starts; where
        // none was named, every signal does.
        if signal == SIGKILL || signal == stopSignal || stopSignal == SIGTERM { workload.restarts.cancel() }
        guard !workload.record.stoppedByUser else { return }
        workload.record.stoppedByUser = true
        // Also if the daemon is killed before the end has come.
        await save(workload)
    }

    /// No start of a policy begins any more.
    func endRestarts() {
        isShuttingDown = true
        for workload in workloads.values { workload.pendingStart?.cancel() }
    }
}

extension RestartSchedule {
    fileprivate mutating func next(after end: End, of workload: Workload) -> Duration? {
        next(after: end, policy: workload.record.spec.restart, restarts: workload.record.restartCount)
    }
}
