// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// What `wait` waits for.
public enum WaitCondition: String, Sendable {
    /// Until it does not run; at once if it does not.
    case notRunning = "not-running"
    /// Until its next end.
    case nextExit = "next-exit"
    /// Until it is removed.
    case removed
}

extension Engine {
    /// Begins to wait for a workload: whatever happens to it after this returns is noticed.
    ///
    /// - Returns: The wait, whose value is the exit status, or `nil` if it was cancelled.
    public func wait(
        _ reference: String, for condition: WaitCondition
    ) async throws(EngineError) -> Task<ExitStatus?, Never> {
        let workload = try find(reference)
        if condition == .notRunning && !workload.isActive {
            let status = workload.record.exit ?? ExitStatus(code: 0)
            return Task { status }
        }
        let number = number()
        let id = workload.id
        let (stream, registered) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    register(continuation, number, id, condition)
                    registered.finish()
                }
            } onCancel: {
                Task { await self.stopWaiting(number, id) }
            }
        }
        for await _ in stream {}
        return task
    }

    private func register(
        _ continuation: CheckedContinuation<ExitStatus?, Never>, _ number: UInt64, _ id: WorkloadID,
        _ condition: WaitCondition
    ) {
        guard let workload = workloads[id] else { return continuation.resume(returning: nil) }
        if condition == .removed {
            workload.removalWaiters[number] = continuation
        } else if condition == .notRunning && !workload.isActive {
            continuation.resume(returning: workload.record.exit)
        } else {
            workload.exitWaiters[number] = continuation
        }
    }

    private func stopWaiting(_ number: UInt64, _ id: WorkloadID) {
        guard let workload = workloads[id] else { return }
        workload.exitWaiters.removeValue(forKey: number)?.resume(returning: nil)
        workload.removalWaiters.removeValue(forKey: number)?.resume(returning: nil)
    }
}
