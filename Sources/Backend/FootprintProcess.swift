// SPDX-License-Identifier: Apache-2.0

/// One host process that belongs to a workload.
public struct FootprintProcess: Sendable, Codable {
    /// Its role: `monitor`, `workload`, `vmm`, `virtiofsd`.
    public var role: String
    /// Host process id.
    public var pid: Int32

    /// Describes a process.
    public init(role: String, pid: Int32) {
        self.role = role
        self.pid = pid
    }
}
