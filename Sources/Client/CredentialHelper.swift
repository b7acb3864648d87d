// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Calls `docker-credential-NAME`, which keeps passwords for Docker's clients (docker-credential-helpers).
struct CredentialHelper {
    let name: String

    /// Runs one of `get`, `store` and `erase` with its input.
    ///
    /// - Returns: What it wrote, and whether it succeeded.
    func run(_ action: String, _ input: String) throws(ClientError) -> (output: [UInt8], isDone: Bool) {
        var toHelper: [Int32] = [-1, -1]
        var fromHelper: [Int32] = [-1, -1]
        guard pipe2(&toHelper, O_CLOEXEC) == 0 else { throw failure("no file descriptor is left") }
        guard pipe2(&fromHelper, O_CLOEXEC) == 0 else {
            for descriptor in toHelper { close(descriptor) }
            throw failure("no file descriptor is left")
        }
        let process: pid_t
        do throws(ClientError) {
            process = try spawn(action, input: toHelper[0], output: fromHelper[1])
        } catch {
            for descriptor in toHelper + fromHelper { close(descriptor) }
            throw error
        }
        close(toHelper[0])
        close(fromHelper[1])
        // A few hundred bytes: a pipe takes them at once. A helper that does not read them must not end us.
        signal(SIGPIPE, SIG_IGN)
        let bytes = Array(input.utf8)
        _ = write(toHelper[1], bytes, bytes.count)
        close(toHelper[1])
        signal(SIGPIPE, SIG_DFL)
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while output.count < 1 << 20 {
            let count = read(fromHelper[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            output += buffer[..<count]
        }
        close(fromHelper[0])
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return (output, status == 0)
    }

    private func spawn(_ action: String, input: Int32, output: Int32) throws(ClientError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        let program = "docker-credential-\(name)"
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup(action), nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let problem = posix_spawnp(&process, program, &actions, nil, arguments, environ)
        guard problem == 0 else { throw failure(String(cString: strerror(problem))) }
        return process
    }

    private func failure(_ reason: String) -> ClientError {
        ClientError(
            status: 0, message: "the credential helper 'docker-credential-\(name)' cannot be executed: \(reason)",
            hint: "Install it, or take it out of Docker's config.json.", code: "unavailable")
    }
}
