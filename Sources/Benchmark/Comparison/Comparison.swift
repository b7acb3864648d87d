// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// Everything that a comparison has measured, and on what.
public struct Comparison: Sendable, Codable {
    /// What was compared.
    public struct Settings: Sendable, Codable, Hashable {
        /// The image.
        public var image: String
        /// The command; empty for the image's own.
        public var command: [String]
        /// Counted runs of each kind.
        public var runs: Int
        /// Runs of each kind before them, which are not counted.
        public var warmups: Int
        /// Measurements of an idle workload of each kind.
        public var idleRuns: Int

        /// Describes a comparison.
        public init(image: String, command: [String], runs: Int, warmups: Int, idleRuns: Int) {
            self.image = image
            self.command = command
            self.runs = runs
            self.warmups = warmups
            self.idleRuns = idleRuns
        }
    }

    /// Where it was measured.
    public struct Host: Sendable, Codable, Hashable {
        /// The distribution.
        public var operatingSystem: String
        /// The kernel's release.
        public var kernel: String
        /// Processors.
        public var processors: Int
        /// Memory in bytes.
        public var memory: Int64
        /// Tandem's version.
        public var version: String
        /// `kvm` or `tcg`.
        public var accelerator: String
        /// Why.
        public var acceleratorReason: String

        /// Describes a host.
        public init(
            operatingSystem: String, kernel: String, processors: Int, memory: Int64, version: String,
            accelerator: String,
            acceleratorReason: String
        ) {
            self.operatingSystem = operatingSystem
            self.kernel = kernel
            self.processors = processors
            self.memory = memory
            self.version = version
            self.accelerator = accelerator
            self.acceleratorReason = acceleratorReason
        }
    }

    /// One run from request to removal.
    ///
    /// Times are in nanoseconds.
    public struct Run: Sendable, Codable, Hashable {
        /// Container or VM.
        public var kind: WorkloadKind
        /// Which round.
        public var round: Int
        /// From sending the create request to the first byte of output at the client; `nil` without output.
        public var firstByte: UInt64?
        /// From sending the create request to the client's knowledge of the end.
        public var exit: UInt64
        /// From the end of the first process to the release of everything on the host.
        public var cleanup: UInt64?
        /// The exit code.
        public var code: Int
        /// The engine's trace.
        public var trace: StartupTrace?

        /// Describes a run.
        public init(
            kind: WorkloadKind, round: Int, firstByte: UInt64?, exit: UInt64, cleanup: UInt64?, code: Int,
            trace: StartupTrace?
        ) {
            self.kind = kind
            self.round = round
            self.firstByte = firstByte
            self.exit = exit
            self.cleanup = cleanup
            self.code = code
            self.trace = trace
        }
    }

    /// What an idle workload costs.
    ///
    /// Sizes are in bytes.
    public struct Idle: Sendable, Codable, Hashable {
        /// Container or VM.
        public var kind: WorkloadKind
        /// Proportional set size of every host process that exists only because of it.
        public var hostMemory: Int64
        /// The parts of `hostMemory` by role.
        public var hostMemoryByRole: [String: Int64]
        /// Memory in use by the guest's own kernel and processes; `nil` without a kernel of its own.
        public var guestMemory: Int64?
        /// The writable layer or disk.
        public var storage: Int64
        /// Host processes.
        public var processes: Int
        /// Host threads.
        public var threads: Int
        /// The kernel that the workload sees.
        public var kernel: String

        /// Describes an idle workload.
        public init(
            kind: WorkloadKind, hostMemory: Int64, hostMemoryByRole: [String: Int64], guestMemory: Int64?,
            storage: Int64,
            processes: Int, threads: Int, kernel: String
        ) {
            self.kind = kind
            self.hostMemory = hostMemory
            self.hostMemoryByRole = hostMemoryByRole
            self.guestMemory = guestMemory
            self.storage = storage
            self.processes = processes
            self.threads = threads
            self.kernel = kernel
        }
    }

    /// A run that does not count.
    public struct Failure: Sendable, Codable, Hashable {
        /// Container or VM.
        public var kind: WorkloadKind
        /// Which round; negative for a warm-up.
        public var round: Int
        /// What went wrong.
        public var reason: String

        /// Describes a failure.
        public init(kind: WorkloadKind, round: Int, reason: String) {
            self.kind = kind
            self.round = round
            self.reason = reason
        }
    }

    /// What was compared.
    public var settings: Settings
    /// Where.
    public var host: Host
    /// Every run that counts.
    public var runs: [Run]
    /// Every idle measurement that counts.
    public var idle: [Idle]
    /// Every run that does not.
    public var failures: [Failure]

    /// Collects what was measured.
    public init(settings: Settings, host: Host, runs: [Run], idle: [Idle], failures: [Failure]) {
        self.settings = settings
        self.host = host
        self.runs = runs
        self.idle = idle
        self.failures = failures
    }

    /// The run of a kind whose time to exit is the median: the one that waterfalls show.
    public func typicalRun(_ kind: WorkloadKind) -> Run? {
        let sorted = runs.filter { $0.kind == kind && $0.trace != nil }.sorted { $0.exit < $1.exit }
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }
}
