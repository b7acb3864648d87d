// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// What a backend found on this host.
public struct BackendReport: Sendable, Codable {
    /// One thing that was looked at.
    public struct Check: Sendable, Codable {
        /// How it came out.
        public enum Outcome: String, Sendable, Codable {
            /// Works.
            case ok
            /// Works in a lesser way.
            case degraded
            /// Does not work.
            case missing
        }

        /// What was looked at, for example `cgroup`.
        public var name: String
        /// How it came out.
        public var outcome: Outcome
        /// What was found, for example `v1 (hybrid): cpu, memory, pids`.
        public var detail: String
        /// What to do about it, if anything.
        public var hint: String?

        /// Describes a check.
        public init(_ name: String, _ outcome: Outcome, _ detail: String, hint: String? = nil) {
            self.name = name
            self.outcome = outcome
            self.detail = detail
            self.hint = hint
        }
    }

    /// The kind of workload.
    public var kind: WorkloadKind
    /// Whether a workload of this kind can run at all.
    public var usable: Bool
    /// `kvm` or `tcg` for VMs.
    public var accelerator: String?
    /// Everything that was looked at.
    public var checks: [Check]

    /// Describes a host.
    public init(kind: WorkloadKind, usable: Bool, accelerator: String? = nil, checks: [Check]) {
        self.kind = kind
        self.usable = usable
        self.accelerator = accelerator
        self.checks = checks
    }
}
