// SPDX-License-Identifier: Apache-2.0

import Backend
public import SystemPackage
public import TandemModel

/// A workload at one moment.
public struct WorkloadSnapshot: Sendable {
    /// What is known about it beyond the life of the daemon.
    public var record: WorkloadRecord
    /// The host process that stands for it while it runs.
    public var processID: Int32?
    let paths: WorkloadPaths
    /// Its log.
    public var logPath: FilePath { paths.log(record.id) }
    /// Ids of the processes executed in it that still run.
    public var executions: [String]
}
