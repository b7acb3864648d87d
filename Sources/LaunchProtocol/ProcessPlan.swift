// SPDX-License-Identifier: Apache-2.0

/// How one process of a workload is executed: its first one, or an `exec`.
public struct ProcessPlan: Sendable, Equatable {
    /// The command and its arguments; the first one is looked up in `PATH` of `environment` inside the workload's root.
    public var arguments: [Bytes] = []
    /// `NAME=value` entries.
    public var environment: [Bytes] = []
    /// Absolute folder inside the root; made if missing.
    public var workingDirectory: Bytes = [0x2F]
    /// `USER[:GROUP]`, names or numbers; names are looked up in the root's `/etc/passwd` and `/etc/group`.
    public var user: Bytes = []
    /// Further groups, names or numbers.
    public var additionalGroups: [Bytes] = []
    /// Bounding set as a bit mask, bit n is capability n.
    public var boundingCapabilities: UInt64 = 0
    /// Permitted and effective set of a root process; emptied by the kernel for other users unless in `ambientCapabilities`.
    public var permittedCapabilities: UInt64 = 0
    /// Inheritable set.
    public var inheritableCapabilities: UInt64 = 0
    /// Ambient set.
    public var ambientCapabilities: UInt64 = 0
    /// `PR_SET_NO_NEW_PRIVS`.
    public var noNewPrivileges = false
    /// Classic BPF program, an array of `struct sock_filter` as bytes; empty installs no filter.
    public var seccomp: Bytes = []
    /// Flags of seccomp(2) `SECCOMP_SET_MODE_FILTER`.
    public var seccompFlags: UInt32 = 0
    /// Limits in the kernel's numbering of resources.
    public var resourceLimits: [ResourceLimit] = []
    /// Written to `/proc/self/oom_score_adj`.
    public var outOfMemoryScoreAdjustment: Int32 = 0
    /// File mode creation mask.
    public var umask: UInt32 = 0o022
    /// Whether the process gets a pseudo terminal.
    public var terminal = false
    /// First size of the terminal; 0 leaves the kernel's.
    public var rows: UInt16 = 0
    /// See `rows`.
    public var columns: UInt16 = 0
    /// Whether standard input is a pipe that stays open; otherwise it is `/dev/null`.
    public var openStandardInput = false
    /// Whether a tiny init (PID 1 of the workload) starts the command, forwards signals, reaps and passes its status on.
    public var runInit = false
    /// What is executed.
    public var program: Program = .arguments

    /// What is executed.
    public enum Program: UInt8, Sendable {
        /// The first argument, found inside the root.
        case arguments = 0
        /// busybox of the executor (host or guest), executed by descriptor with the workload's root as its root:
        /// a tool that works in images without any program. `arguments[0]` names the applet.
        case helper = 1
        /// Nothing: the first process only waits for a signal, so that `exec` can reach a stopped workload's files.
        case pause = 2
        /// Nothing: a list of `LayerEntry` is written to standard output, of everything in the workload's writable layer.
        /// It is made outside of the workload, which may be gone while it is written.
        case listLayer = 3
        /// Nothing: a tar of the workload's root is written to standard output, without what is mounted in it. The
        /// arguments are paths of files that the engine has generated: they are packed empty.
        case packRoot = 4
        /// Nothing: a tar of the workload's writable layer is written to standard output, as a layer of an image. The first
        /// argument is `freeze` if the executor's own groups shall stand still meanwhile; each of the others begins with
        /// a mark: `-` before a path that is left out, `~` before that of a folder that is left out unless something in
        /// it is packed, `@` before the latest time that anything may have, in seconds since 1970.
        case packLayer = 5
        /// Nothing: the executor's own groups are frozen when it counts as started, or go on if the first argument is
        /// `thaw`.
        case freeze = 6
    }

    /// An empty plan.
    public init() {}
}

/// One resource limit (setrlimit(2)).
public struct ResourceLimit: Sendable, Equatable {
    /// `RLIMIT_…`.
    public var resource: UInt32
    /// Soft value.
    public var soft: UInt64
    /// Hard value.
    public var hard: UInt64
    /// Describes a limit.
    public init(resource: UInt32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}
