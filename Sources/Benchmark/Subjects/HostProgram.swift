// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Runs programs of the host, and measures them.
enum HostProgram {
    struct Result: Sendable {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var code = 127
        var duration = Duration.zero
        var firstByte: Duration?
    }

    private static let queue = DispatchQueue(label: "tandem.programs", qos: .default, attributes: .concurrent)

    /// Runs a program to its end on a thread of its own; a cancelled task kills it and everything that it has started.
    ///
    /// - Parameters:
    ///   - command: The program's path and its arguments.
    ///   - awaitsUs: Whether its standard input is one that ends when this program does, instead of an empty one.
    ///   - isSilent: Whether what it writes goes nowhere, and it is over when it has ended itself; what it has left running is
    ///     killed then. Else it is over when nobody can write any more.
    ///   - started: Gets its process id.
    /// - Returns: What it wrote, and how it ended; the code is 127 if it could not be started.
    static func run(
        _ command: [String], awaitsUs: Bool = false, isSilent: Bool = false,
        started: @escaping @Sendable (pid_t) -> Void = { _ in }
    ) async -> Result {
        let process = Process()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: process.run(command, awaitsUs, isSilent, started)) }
            }
        } onCancel: {
            process.kill()
        }
    }
}

extension HostProgram {
    private final class Process: Sendable {
        private struct State {
            var id: pid_t = 0
            var isKilled = false
        }

        private let state = Mutex(State())

        func kill() {
            state.withLock { state in
                state.isKilled = true
                if state.id > 0 { _ = Glibc.kill(-state.id, SIGKILL) }
            }
        }

        func run(
            _ command: [String], _ awaitsUs: Bool, _ isSilent: Bool, _ started: (pid_t) -> Void
        ) -> Result {
            var result = Result()
            var input: [Int32] = [-1, -1]
            if awaitsUs, pipe2(&input, O_CLOEXEC) != 0 { return result }
            defer { if input[1] >= 0 { close(input[1]) } }
            var output: [Int32] = [-1, -1]
            var errors: [Int32] = [-1, -1]
            guard isSilent || pipe2(&output, O_CLOEXEC) == 0 && pipe2(&errors, O_CLOEXEC) == 0 else {
                for descriptor in output + [input[0]] where descriptor >= 0 { close(descriptor) }
                return result
            }
            let clock = ContinuousClock()
            let begun = clock.now
            let isStarted = start(command, input: input[0], output: output[1], errors: errors[1])
            for descriptor in [input[0], output[1], errors[1]] where descriptor >= 0 { close(descriptor) }
            if isStarted { started(state.withLock { $0.id }) }
            var open = [output[0], errors[0]].filter { $0 >= 0 }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while !open.isEmpty {
                var requests = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&requests, nfds_t(requests.count), -1) > 0 || errno == EINTR else { break }
                for request in requests where request.revents != 0 {
                    let count = read(request.fd, &chunk, chunk.count)
                    if count <= 0 {
                        close(request.fd)
                        open.removeAll { $0 == request.fd }
                        continue
                    }
                    if result.firstByte == nil { result.firstByte = clock.now - begun }
                    if request.fd == output[0] {
                        result.output += chunk[..<count]
                    } else {
                        result.errors += chunk[..<count]
                    }
                }
            }
            guard isStarted else { return result }
            var status: Int32 = 0
            let id = state.withLock { $0.id }
            if isSilent {
                var information = siginfo_t()
                while waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
                // Not reaped yet, its number is still its own.
                _ = Glibc.kill(-id, SIGKILL)
            }
            while waitpid(id, &status, 0) < 0 && errno == EINTR {}
            state.withLock { $0.id = 0 }
            result.duration = clock.now - begun
            let signal = status & 0x7F
            result.code = Int(signal == 0 ? status >> 8 & 0xFF : 128 + signal)
            return result
        }

        private func start(_ command: [String], input: Int32, output: Int32, errors: Int32) -> Bool {
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            if input >= 0 {
                posix_spawn_file_actions_adddup2(&actions, input, 0)
            } else {
                posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            }
            for (descriptor, number) in [(output, Int32(1)), (errors, 2)] {
                if descriptor >= 0 {
                    posix_spawn_file_actions_adddup2(&actions, descriptor, number)
                } else {
                    posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0)
                }
            }
            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            // A group of its own, so that everything can be ended together; and no signal blocked or ignored, as our threads
            // have most of them: a program would wait for its timers for ever.
            let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
            posix_spawnattr_setflags(&attributes, Int16(flags))
            var signals = sigset_t()
            sigemptyset(&signals)
            posix_spawnattr_setsigmask(&attributes, &signals)
            sigfillset(&signals)
            posix_spawnattr_setsigdefault(&attributes, &signals)
            let list: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
            defer { for pointer in list { free(pointer) } }
            let environment: [UnsafeMutablePointer<CChar>?] = [
                strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), strdup("HOME=/root"), nil,
            ]
            defer { for pointer in environment { free(pointer) } }
            return state.withLock { state in
                guard !state.isKilled else { return false }
                return posix_spawn(&state.id, command[0], &actions, &attributes, list, environment) == 0
            }
        }
    }
}
