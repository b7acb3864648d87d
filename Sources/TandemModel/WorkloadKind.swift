// SPDX-License-Identifier: Apache-2.0

/// The technique that isolates a workload.
public enum WorkloadKind: String, Codable, Sendable, CaseIterable {
    /// Namespaces and cgroups of the host's kernel.
    case container
    /// A virtual machine with a kernel of its own.
    case vm
}
