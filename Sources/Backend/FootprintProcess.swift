// SPDX-License-Identifier: Apache-2.0

/// One host process that belongs to a workload.
public struct FootprintProcess: Sendable, Codable {
    /// Its role: `monitor`, `workload`, `vmm`, `virtiofsd`.
    public var role: String
    /// Host process id.
    public var pid: Int32
    /// How the file begins by which it maps the memory of a guest; `nil` if it does not.
    public var guestMapping: String?

    /// Describes a process.
    public init(role: String, pid: Int32, guestMapping: String? = nil) {
        self.role = role
        self.pid = pid
        self.guestMapping = guestMapping
    }
}
