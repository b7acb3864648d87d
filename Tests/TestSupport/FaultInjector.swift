// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Lets one step of an operation of a running daemon fail, or kills the daemon there.
///
/// A step is a system call that changes the host or takes a descriptor, made by any thread of the daemon, and counted
/// from the moment of the attachment. The program `fault-injector` does it by ptrace(2): production code has no hook.
public final class FaultInjector: Sendable {
    /// What happens at a step, counted from 1.
    public enum Fault: Sendable {
        /// Nothing: the steps are only noted.
        case none
        /// The call fails with an error that it may plausibly have.
        case fail(Int)
        /// The process that is about to make the call is killed.
        case kill(Int)

        fileprivate var arguments: [String] {
            switch self {
            case .none: []
            case .fail(let number): ["--fail", String(number)]
            case .kill(let number): ["--kill", String(number)]
            }
        }
    }

    /// Whose calls are counted.
    public enum Scope: Sendable {
        /// The daemon's own, on its roots, control groups and memory files.
        case daemon
        /// Those of the processes that it makes meanwhile, on everything.
        case children
    }

    /// One call.
    public struct Step: Sendable, CustomStringConvertible {
        /// Its place in the operation, from 1.
        public let number: Int
        /// Name of the system call.
        public let name: String
        /// File or folder.
        public let object: String

        /// As a test names it.
        public var description: String { "step \(number) (\(name) \(object))" }

        /// The same for calls that differ only in ids, numbers, or the process.
        public var likeness: String {
            var parts = object.split(separator: "/").map { (part: Substring) -> Substring in
                part.count >= 6 && part.contains(where: \.isNumber) ? "*" : part
            }
            // One hierarchy is as good as another.
            if parts.starts(with: ["sys", "fs", "cgroup"]), parts.count > 3 { parts[3] = "*" }
            return name + " " + parts.joined(separator: "/")
        }
    }

    private let process: ChildProcess
    private let folder: ScratchFolder

    private init(process: ChildProcess, folder: ScratchFolder) {
        self.process = process
        self.folder = folder
    }

    /// Attaches to a daemon; everything that it does from now on is counted.
    public static func attach(
        to daemon: Daemon, _ fault: Fault = .none, scope: Scope = .daemon
    ) async throws -> FaultInjector {
        // Not all of /proc: libdispatch looks at the threads there, and does not survive a failure of its own.
        let roots = scope == .children ? "/" : "\(daemon.folder.path):/sys/fs/cgroup:/proc/self"
        let folder = try ScratchFolder(prefix: "fault")
        try Data().write(to: folder.url("out"))
        let arguments = ["--process", String(daemon.processID ?? 0), "--roots", roots]
        let process = try ChildProcess(
            Binaries.besideTests("fault-injector"),
            arguments + (scope == .children ? ["--children"] : []) + fault.arguments, output: folder.path + "/out",
            errors: folder.path + "/out")
        let injector = FaultInjector(process: process, folder: folder)
        for _ in 0..<5_000 {
            if try injector.lines().first == "attached" { return injector }
            try await Task.sleep(for: .milliseconds(1))
        }
        await injector.end()
        throw Daemon.Failure(description: "the fault injector did not attach: \(try injector.lines())")
    }

    /// Nothing is lost with it, and the processes that it held go on.
    private func end() async {
        process.signal(SIGKILL)
        _ = await process.end()
    }

    private func lines() throws -> [String] {
        try String(contentsOf: folder.url("out"), encoding: .utf8).split(separator: "\n").map { String($0) }
    }

    /// The steps so far.
    public func steps() throws -> [Step] { try parse(prefix: "call") }

    /// The step at which the fault struck.
    public func struck() throws -> Step? { try parse(prefix: "fault").first }

    private func parse(prefix: String) throws -> [Step] {
        try lines().compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map { String($0) }
            guard fields.count == 4, fields[0] == prefix, let number = Int(fields[1]) else { return nil }
            return Step(number: number, name: fields[2], object: fields[3])
        }
    }

    /// Waits until the operation has met the fault or makes no more steps, and lets the daemon go.
    ///
    /// - Returns: The steps that were counted, and that at which the fault struck.
    public func finish() async throws -> (steps: [Step], struck: Step?) {
        var count = -1
        // What is answered already may still be going on behind it.
        while try struck() == nil, try lines().count != count {
            count = try lines().count
            try await Task.sleep(for: .milliseconds(250))
        }
        await end()
        let result = (try steps(), try struck())
        folder.remove()
        return result
    }
}
