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
    /// Waits for a workload and gives its exit status.
    ///
    /// `nil` means that the caller has gone.
    public func wait(_ reference: String, for condition: WaitCondition) async throws(EngineError) -> ExitStatus? {
        let workload = try find(reference)
        if condition == .notRunning && workload.instance == nil {
            return workload.record.exit ?? ExitStatus(code: 0)
        }
        let number = number()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if condition == .removed {
                    workload.removalWaiters[number] = continuation
                } else {
                    workload.exitWaiters[number] = continuation
                }
            }
        } onCancel: {
            Task { await self.stopWaiting(number, reference) }
        }
    }

    private func stopWaiting(_ number: UInt64, _ reference: String) {
        guard let workload = try? find(reference) else { return }  // removed meanwhile, and so answered
        workload.exitWaiters.removeValue(forKey: number)?.resume(returning: nil)
        workload.removalWaiters.removeValue(forKey: number)?.resume(returning: nil)
    }
}
