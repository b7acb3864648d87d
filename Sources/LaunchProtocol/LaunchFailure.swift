// SPDX-License-Identifier: Apache-2.0

/// Why a launch plan could not be carried out.
public struct LaunchFailure: Sendable, Equatable, Error {
    /// The step that failed.
    public enum Step: UInt8, Sendable {
        /// The plan could not be read.
        case plan = 1
        /// A mount of `LaunchPlan.storage`.
        case storage = 2
        /// clone3.
        case clone = 3
        /// Joining a control group.
        case cgroup = 4
        /// The root file system.
        case root = 5
        /// A mount inside the root.
        case mount = 6
        /// A device node, link or file.
        case device = 7
        /// A kernel parameter.
        case sysctl = 8
        /// Host name or loopback device.
        case identity = 9
        /// A network interface.
        case network = 23
        /// A user that is not known.
        case user = 10
        /// A group that is not known.
        case group = 22
        /// Capabilities.
        case capabilities = 11
        /// The system call filter.
        case seccomp = 12
        /// A resource limit.
        case resourceLimit = 13
        /// The working directory.
        case workingDirectory = 14
        /// The command was not found (exit code 127).
        case commandNotFound = 15
        /// The command cannot be executed (exit code 126).
        case commandNotExecutable = 16
        /// Pipes or the pseudo terminal.
        case standardStreams = 17
        /// Entering the namespaces of a running workload.
        case enter = 18
        /// The guest agent did not answer, or its channel broke.
        case guest = 19
        /// The log or the exit record.
        case log = 20
        /// The request does not fit the state: no such process, already started, not running.
        case state = 21
    }

    /// The step that failed.
    public var step: Step
    /// The kernel's error number; 0 where there is none.
    public var errno: Int32
    /// What it was about: a path, a name, a number.
    public var object: Bytes

    /// Describes a failure.
    public init(_ step: Step, errno: Int32, object: Bytes = []) {
        self.step = step
        self.errno = errno
        self.object = object
    }
}
