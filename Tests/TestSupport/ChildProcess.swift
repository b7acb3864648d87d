// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A program that has been started, by posix_spawn(3).
///
/// Foundation's `Process` reads beyond an array once in some hundred starts (swift-corelibs-foundation of Swift 6.3).
final class ChildProcess: Sendable {
    let id: pid_t
    private let status = Mutex<Int32?>(nil)

    /// Starts a program by its absolute path, with files as its streams.
    init(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], input: String = "/dev/null",
        output: String, errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Dispatch's threads block signals, and a blocked signal stays blocked over execve.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = ([path] + arguments).map { strdup($0) }
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var settings = merged.map { strdup("\($0)=\($1)") }
        words.append(nil)
        settings.append(nil)
        defer { for word in words + settings { free(word) } }
        var process: pid_t = 0
        let problem = posix_spawn(&process, path, &actions, &attributes, words, settings)
        guard problem == 0 else {
            throw Daemon.Failure(description: "'\(path)' cannot be executed: \(String(cString: strerror(problem)))")
        }
        id = process
    }

    /// Waits for its end on a thread of its own, at most until a deadline in seconds; then it is killed.
    ///
    /// - Returns: The status as waitpid(2) has it, and whether the end came in time.
    func end(within deadline: Double? = nil) async -> (status: Int32, inTime: Bool) {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: self.wait(deadline)) }
        }
    }

    /// Whether it has not ended.
    var isRunning: Bool { reap(WNOHANG) == nil }

    private func wait(_ deadline: Double?) -> (status: Int32, inTime: Bool) {
        guard let deadline else { return (reap(0) ?? 0, true) }
        let end = ContinuousClock.now + .seconds(deadline)
        var pause: UInt32 = 500
        while true {
            if let status = reap(WNOHANG) { return (status, true) }
            guard ContinuousClock.now < end else { break }
            usleep(pause)
            pause = min(pause * 2, 10_000)
        }
        kill(id, SIGKILL)
        return (reap(0) ?? 0, false)
    }

    /// Its status; `nil` if it runs.
    ///
    /// In the lock: once it is reaped its id may belong to another process.
    private func reap(_ options: Int32) -> Int32? {
        if options == 0 {
            // Nobody else may be kept from looking meanwhile.
            var information = siginfo_t()
            while waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        }
        return status.withLock { known in
            if known != nil { return known }
            var status: Int32 = 0
            if waitpid(id, &status, WNOHANG) == id { known = status }
            return known
        }
    }

    /// Sends a signal unless it has ended.
    func signal(_ number: Int32) {
        status.withLock { known in
            if known == nil { _ = kill(id, number) }
        }
    }
}
