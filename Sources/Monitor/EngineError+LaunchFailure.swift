// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LaunchProtocol
public import TandemModel

extension EngineError {
    /// Says in a sentence, with Docker's words where it has some, why a launch failed.
    public init(_ failure: LaunchFailure) {
        let object = String(decoding: failure.object, as: UTF8.self)
        let reason = failure.errno == 0 ? "it was refused" : Self.reason(failure.errno)
        switch failure.step {
        case .commandNotFound:
            let words =
                object.contains("/")
                ? "stat \(object): no such file or directory" : "executable file not found in $PATH"
            self.init(
                .commandNotFound, "exec: \"\(object)\": \(words)",
                hint: "Name a program that the image has, by its path or as the PATH in the image finds it.")
        case .commandNotExecutable:
            self.init(
                .commandNotExecutable, "exec: \"\(object)\": \(reason)",
                hint: "Name a file that is a program for this machine and has the right to be executed.")
        case .workingDirectory:
            self.init(
                .commandNotExecutable, "chdir to cwd (\"\(object)\") failed: \(reason)",
                hint: "Give a folder that is there.")
        case .user:
            self.init(
                .invalidArgument, "unable to find user \(object): no matching entries in passwd file",
                hint: "Give a user that the image has, or a number.")
        case .group:
            self.init(
                .invalidArgument, "unable to find group \(object): no matching entries in group file",
                hint: "Give a group that the image has, or a number.")
        case .state:
            self.init(
                .conflict,
                failure.errno == ESRCH ? "the workload is not running" : "the request does not fit: \(reason)")
        case .guest:
            self.init(
                .timeout, "the guest's agent cannot be reached: \(reason)",
                hint: "The guest's console is in 'console.log' of the workload's run folder.")
        default:
            let code: Code =
                switch failure.errno {
                case ENOSPC, ENOMEM, EDQUOT, EMFILE, ENFILE, EAGAIN: .resourceExhausted
                case EPERM, EACCES: .permissionDenied
                default: failure.step.isUsersChoice ? .invalidArgument : .internal
                }
            self.init(code, "\(failure.step.name)\(object.isEmpty ? "" : " '\(object)'") failed: \(reason)")
        }
    }

    init(launchFailure payload: Bytes) {
        do throws(DecodingFailure) {
            self.init(try LaunchFailure(decoding: payload))
        } catch {
            self.init(.internal, "the monitor reported a failure that cannot be read")
        }
    }

    /// As Go, and so Docker, writes error numbers: in lower case.
    private static func reason(_ number: Int32) -> String {
        let text = String(cString: strerror(number))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

extension LaunchFailure.Step {
    fileprivate var isUsersChoice: Bool { self == .mount || self == .sysctl || self == .device }

    fileprivate var name: String {
        switch self {
        case .plan: "reading the launch plan"
        case .storage: "mounting the storage at"
        case .clone: "making the namespaces"
        case .cgroup: "joining the control group"
        case .root: "setting up the root file system at"
        case .mount: "mounting"
        case .device: "making the device or file"
        case .sysctl: "setting the kernel parameter"
        case .identity: "setting the host name or loopback device"
        case .network: "setting up the network interface"
        case .user: "finding the user"
        case .group: "finding the group"
        case .capabilities: "setting the capabilities"
        case .seccomp: "loading the system call filter"
        case .resourceLimit: "setting the process limit"
        case .workingDirectory: "entering the working directory"
        case .commandNotFound, .commandNotExecutable: "executing"
        case .standardStreams: "connecting the standard streams"
        case .enter: "entering the running workload"
        case .guest: "reaching the guest"
        case .log: "writing the log"
        case .state: "serving the request"
        }
    }
}
