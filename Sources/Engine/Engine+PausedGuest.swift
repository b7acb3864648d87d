// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import Logging
import Monitor
import TandemModel

/// Workloads whose files only a kernel of their own reaches, which stands still while they are paused.
///
/// That kernel freezes the workload before it is stopped itself. So it can be woken to read or write files, and the workload
/// does not go on meanwhile.
extension Engine {
    /// How long a guest may take to freeze its workload: one that does not answer is stopped as it is.
    private static let patience = Duration.seconds(5)

    /// Lets a workload's own kernel freeze it, if it has one.
    func hold(_ workload: Workload) async {
        guard let files = ownKernelFiles(of: workload) else { return }
        if await !files.setFrozen(true, within: Self.patience) {
            logger.warning("'\(workload.record.name)' is paused without the help of its guest, which does not answer")
        }
    }

    /// Lets a workload go on that its own kernel has frozen.
    func letGo(_ workload: Workload) async {
        guard let files = ownKernelFiles(of: workload) else { return }
        if await !files.setFrozen(false, within: Self.patience) {
            logger.error("the guest of '\(workload.record.name)' does not let its workload go on")
        }
    }

    /// - Returns: `nil` if the kernel that reaches its files is the host's.
    private func ownKernelFiles(of workload: Workload) -> FileAccess? {
        guard let instance = workload.instance, let plan = workload.plan, !instance.answersWhilePaused else {
            return nil
        }
        return FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process)
    }

    /// Wakes the kernel of a paused workload for the time of a call; the workload stays frozen.
    ///
    /// - Returns: `nil` if it was not paused any more.
    func withWokenKernel<Value: Sendable>(
        of workload: Workload, _ body: (FileAccess) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value? {
        try await exclusively(workload) { () throws(EngineError) -> Value? in
            guard workload.record.state == .paused, let instance = workload.instance,
                let files = ownKernelFiles(of: workload)
            else { return nil }
            try await instance.resume()
            let result: Result<Value, EngineError>
            do throws(EngineError) {
                guard await files.setFrozen(true, within: Self.patience) else {
                    throw EngineError(
                        .conflict,
                        "Container \(workload.record.name) is paused, and its guest, which reaches its files, does not answer",
                        hint: "Unpause it first: tandem unpause \(workload.record.name)")
                }
                result = .success(try await body(files))
            } catch {
                result = .failure(error)
            }
            do throws(EngineError) {
                try await instance.pause()
            } catch {
                // It has ended meanwhile; otherwise its workload stands still all the same.
                logger.warning("the guest of '\(workload.record.name)' could not be stopped again: \(error)")
            }
            return try result.get()
        }
    }
}

extension FileAccess {
    /// Lets the workload's own kernel freeze it, or let it go on.
    ///
    /// - Returns: Whether that has happened.
    fileprivate func setFrozen(_ isFrozen: Bool, within limit: Duration) async -> Bool {
        let (answers, answer) = AsyncStream.makeStream(of: Bool.self)
        let files = self
        Task {
            do throws(EngineError) {
                try await files.run(
                    .freeze, isFrozen ? [] : [Bytes("thaw".utf8)], "the workload cannot be frozen"
                ) { (_) throws(EngineError) in }
                answer.yield(true)
            } catch {
                answer.yield(false)
            }
        }
        let timer = Task {
            do {
                try await Task.sleep(for: limit)
            } catch {
                return  // it has answered
            }
            answer.yield(false)
        }
        defer { timer.cancel() }
        for await isDone in answers { return isDone }
        return false
    }
}
