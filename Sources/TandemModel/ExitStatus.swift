// SPDX-License-Identifier: Apache-2.0

/// How a process ended.
public struct ExitStatus: Hashable, Sendable, Codable {
    /// The exit code as a shell reports it, 0–255: the process's own, or 128 + signal.
    public let code: Int32
    /// Whether the kernel's out-of-memory killer ended a process of the workload.
    public let outOfMemory: Bool

    /// Describes an end.
    public init(code: Int32, outOfMemory: Bool = false) {
        self.code = code
        self.outOfMemory = outOfMemory
    }
}
