// SPDX-License-Identifier: Apache-2.0

/// What a workload may do beyond an ordinary process.
public struct SecuritySpec: Hashable, Sendable, Codable {
    /// Which system calls are let through.
    public enum Seccomp: Hashable, Sendable, Codable {
        /// Docker's default profile for a container; none in a VM, where the guest's kernel is the workload's own.
        case standard
        /// No filter.
        case unconfined
        /// A profile in Docker's JSON format.
        case profile(json: String)
    }

    /// Capabilities added to Docker's default set, without `CAP_`; `ALL` stands for all.
    public var addedCapabilities: [String]
    /// Capabilities dropped; `ALL` stands for all.
    public var droppedCapabilities: [String]
    /// All capabilities, all devices, no filter, nothing masked.
    public var privileged: Bool
    /// Whether executing a file can never gain rights (`no-new-privileges`).
    public var noNewPrivileges: Bool
    /// The system call filter.
    public var seccomp: Seccomp
    /// Paths that the workload does not see; `nil` is Docker's list of parts of /proc and /sys.
    public var maskedPaths: [String]?
    /// Paths that the workload cannot write to; `nil` is Docker's list of parts of /proc.
    public var readOnlyPaths: [String]?

    /// Docker's defaults.
    public init() {
        addedCapabilities = []
        droppedCapabilities = []
        privileged = false
        noNewPrivileges = false
        seccomp = .standard
    }
}
