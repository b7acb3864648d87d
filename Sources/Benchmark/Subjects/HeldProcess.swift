// SPDX-License-Identifier: Apache-2.0

import Client
import FoundationEssentials
import Glibc
import Synchronization

/// Commands as processes of the host, in a mount namespace that is made once: each is entered, as an `exec` enters a
/// container's.
struct HeldProcess: HeldWorkload {
    private let holder: Task<HostProgram.Result, Never>
    private let id: pid_t
    private let root: String
    /// What it runs while it waits for commands; `nil` for nothing.
    private var program: (task: Task<HostProgram.Result, Never>, identity: Identity)?

    private init(holder: Task<HostProgram.Result, Never>, id: pid_t, root: String) {
        self.holder = holder
        self.id = id
        self.root = root
    }

    /// A program that makes a root whole in a mount namespace of its own, so that nothing stays mounted, and becomes the one
    /// that follows.
    static func mounted(_ root: String) -> [String] {
        let script = """
            set -e
            mount -t proc proc "$0/proc"
            mount --rbind /sys "$0/sys"
            mount --rbind /dev "$0/dev"
            exec "$@"
            """
        return ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, root]
    }

    /// Makes the namespace, and something that holds it.
    ///
    /// - Parameters:
    ///   - root: The root of all commands.
    ///   - command: What it runs while it waits for commands.
    /// - Returns: The workload, ready for commands.
    /// - Throws: What could not be mounted.
    static func start(root: String, command: [String]?) async throws(BenchmarkError) -> HeldProcess {
        let started = Identity()
        // It ends with its input, also if we are killed.
        let holder = Task { await HostProgram.run(mounted(root) + ["cat"], awaitsUs: true) { started.set($0) } }
        for _ in 0..<2_000 {
            let id = started.id
            // Whoever has ended has no name.
            let name = try? String(contentsOfFile: "/proc/\(id)/comm", encoding: .utf8)
            if id > 0, name == "cat\n" {
                var process = HeldProcess(holder: holder, id: id, root: root)
                process.program = command.map { process.begin($0) }
                return process
            }
            if id > 0, name == nil { break }
            // Cancelled when nobody waits for the workload any more.
            try? await Task.sleep(for: .milliseconds(5))
        }
        holder.cancel()
        let words = String(decoding: await holder.value.errors, as: UTF8.self)
        throw BenchmarkError(
            "the image's root cannot be mounted: \(words.split(separator: "\n").last ?? "it took too long")")
    }

    /// The process id, as soon as there is one.
    private final class Identity: Sendable {
        private let value = Mutex<pid_t>(0)
        var id: pid_t { value.withLock { $0 } }
        func set(_ id: pid_t) { value.withLock { $0 = id } }
    }

    private func entered(_ command: [String]) -> [String] {
        ["/usr/bin/nsenter", "--mount=/proc/\(id)/ns/mnt", "chroot", root] + command
    }

    private func begin(_ command: [String]) -> (Task<HostProgram.Result, Never>, Identity) {
        let (identity, words) = (Identity(), entered(command))
        return (Task { await HostProgram.run(words, isSilent: true) { identity.set($0) } }, identity)
    }

    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
        let result = await HostProgram.run(entered(command))
        return ProcessResult(
            output: result.output, errors: result.errors, code: result.code, duration: result.duration)
    }

    func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] {
        ["pss": 0, "processes": 0, "threads": 0]
    }

    /// Asks the program; what it has started is killed afterwards, as everything in a container is.
    func stop() async throws(BenchmarkError) -> Double? {
        guard let program, program.identity.id > 0 else { return nil }
        let asked = ContinuousClock.now
        kill(program.identity.id, SIGTERM)
        _ = await program.task.value
        return (ContinuousClock.now - asked).seconds
    }

    func release() async {
        program?.task.cancel()
        _ = await program?.task.value
        holder.cancel()
        _ = await holder.value
    }
}
