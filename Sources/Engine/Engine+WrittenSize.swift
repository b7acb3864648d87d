// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import Monitor
public import TandemModel

extension Engine {
    /// Bytes in the files of a workload's writable layer.
    ///
    /// One that does not run is not started for it.
    public func writtenSize(_ reference: String) async throws(EngineError) -> UInt64 {
        let workload = try find(reference)
        let plan = try plan(of: workload)
        if let instance = workload.instance, workload.record.state == .running {
            do throws(EngineError) {
                let files = FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process)
                return LayerChanges.size(
                    try await files.layer(), generated: LayerChanges.Generated(plan.monitor.launch))
            } catch  where workload.instance == nil || workload.record.state != .running {
                // It has ended or been paused meanwhile.
            }
        }
        guard !workload.isRemoved else {
            throw EngineError(.notFound, "No such container: \(workload.record.name)")
        }
        return try await backend(of: workload).writtenSize(plan)
    }
}
