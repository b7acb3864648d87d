// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
import SystemPackage
public import TandemModel

extension MonitorPlan {
    /// What every monitor is told, whatever it launches.
    public init(_ request: WorkloadRequest, paths: WorkloadPaths) throws(EngineError) {
        self.init()
        let (spec, id) = (request.spec, request.id)
        socketPath = Bytes(paths.monitorSocket(id).string.utf8)
        exitRecordPath = Bytes(paths.exitRecord(id).string.utf8)
        if spec.log.driver == .jsonFile {
            logPath = Bytes(paths.log(id).string.utf8)
            logMaximumSize = spec.log.maximumSize?.bytes ?? 0
            logMaximumFiles = UInt32(clamping: max(1, spec.log.maximumFiles))
            logAttributes = try LogAttributes.encoded(for: request)
        }
        standardInputOnce = spec.standardInputOnce
    }
}
