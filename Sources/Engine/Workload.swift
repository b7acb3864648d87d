// SPDX-License-Identifier: Apache-2.0

import Backend
import Monitor
import TandemModel

/// One workload as the engine holds it; lives and dies within the engine's actor.
final class Workload {
    var record: WorkloadRecord
    /// What runs, between a successful start and the end.
    var instance: (any WorkloadInstance)?
    /// The plan of the last start.
    var plan: WorkloadPlan?
    let gate = Gate()
    /// Whether it has been removed: operations that waited at the gate find nothing.
    var isRemoved = false
    /// Whether a stop or removal is under way, so that the end is no surprise.
    var isStopping = false

    /// Whether it is stopped only to be started again: `--rm` does not take it away in between.
    var isRestarting = false

    /// When it is started again without anyone asking.
    var restarts = RestartSchedule()
    /// The wait for that start.
    var pendingStart: Task<Void, Never>?

    /// Its health check, while it runs.
    var probing: Task<Void, Never>?

    /// Who waits for the next end.
    var exitWaiters: [UInt64: CheckedContinuation<ExitStatus?, Never>] = [:]
    /// Who waits for the removal.
    var removalWaiters: [UInt64: CheckedContinuation<ExitStatus?, Never>] = [:]
    /// Clients that attached before the start.
    var pendingAttachments: [PendingAttachment] = []
    /// Processes executed in it.
    var executions: [String: Execution] = [:]

    init(_ record: WorkloadRecord) { self.record = record }

    var id: WorkloadID { record.id }

    /// Whether it runs, or is about to by itself: Docker's `Running`.
    var isActive: Bool { instance != nil || record.state == .restarting }

    /// It is on no network any more.
    func forgetPlaces() {
        record.endpoints = nil
        record.changingEndpoint = nil
        record.publishedPorts = nil
    }

    /// A start by the user begins everything about restarts anew.
    func beginUserStart() {
        restarts = RestartSchedule()
        record.restartCount = 0
        record.stoppedByUser = false
    }
}

/// A client that waits for a start.
struct PendingAttachment {
    var id: UInt64
    var input: Bool
    var output: Bool
    var errors: Bool
    var continuation: CheckedContinuation<ProcessSession?, Never>
}
