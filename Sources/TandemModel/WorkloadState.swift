// SPDX-License-Identifier: Apache-2.0

/// Where a workload stands, in Docker's words.
public enum WorkloadState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Made, never started.
    case created
    /// Its first process runs.
    case running
    /// Frozen.
    case paused
    /// Between an end and the next start.
    case restarting
    /// Being removed.
    case removing
    /// Its first process has ended.
    case exited
    /// Its removal failed, or its record cannot be used.
    case dead
}
