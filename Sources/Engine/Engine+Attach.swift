// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
public import Monitor
public import TandemModel

/// A client's wish to be attached, registered before anything else happens to the workload.
public struct Attachment: Sendable {
    let workload: WorkloadID
    let number: UInt64
    /// The session, if the workload runs.
    let task: Task<ProcessSession?, Never>

    /// The connection to the first process: at once if it runs, else as soon as it is started.
    ///
    /// - Returns: `nil` if the start failed, or the workload was removed.
    public func session() async -> ProcessSession? { await task.value }
}

extension Engine {
    /// Attaches to the first process, before or after the start; no byte that it writes afterwards is lost.
    public func attach(
        _ reference: String, input: Bool, output: Bool, errors: Bool
    ) async throws(EngineError) -> Attachment {
        let workload = try find(reference)
        try refuseRestarting(workload)
        let number = number()
        guard let instance = workload.instance else {
            let (stream, registered) = AsyncStream.makeStream(of: Void.self)
            let id = workload.id
            let task = Task {
                await withCheckedContinuation { continuation in
                    register(
                        PendingAttachment(
                            id: number, input: input, output: output, errors: errors, continuation: continuation),
                        for: id)
                    registered.finish()
                }
            }
            // The caller may start the workload right after this.
            for await _ in stream {}
            emit("attach", workload)
            return Attachment(workload: workload.id, number: number, task: task)
        }
        if workload.record.state == .paused {
            throw EngineError(
                .conflict, "Container \(workload.record.name) is paused, unpause the container before attach")
        }
        var flags: AttachFlags = []
        if input { flags.insert(.input) }
        if output { flags.insert(.output) }
        if errors { flags.insert(.errors) }
        let session = try await instance.monitor.attach(flags)
        emit("attach", workload)
        return Attachment(workload: workload.id, number: number, task: Task { session })
    }

    private func register(_ attachment: PendingAttachment, for id: WorkloadID) {
        guard let workload = workloads[id] else { return attachment.continuation.resume(returning: nil) }
        workload.pendingAttachments.append(attachment)
    }

    /// Gives up an attachment that has not come about yet: its client has gone.
    public func cancel(_ attachment: Attachment) {
        guard let workload = workloads[attachment.workload],
            let index = workload.pendingAttachments.firstIndex(where: { $0.id == attachment.number })
        else { return }
        workload.pendingAttachments.remove(at: index).continuation.resume(returning: nil)
    }

    /// Sets the size of the first process's terminal.
    public func resize(_ reference: String, rows: UInt16, columns: UInt16) throws(EngineError) {
        let workload = try find(reference)
        guard let instance = workload.instance else {
            throw EngineError(.conflict, "Container \(workload.id) is not running")
        }
        instance.monitor.resize(rows: rows, columns: columns)
        emit("resize", workload, ["height": String(rows), "width": String(columns)])
    }
}
