// SPDX-License-Identifier: Apache-2.0

import CLinux
import Client
import FoundationEssentials
import Glibc

/// Finds the daemon, and starts it if it is not there.
enum Daemon {
    private static let defaultSocket = "/run/tandem/tandem.sock"

    /// A client of the daemon that TANDEM_HOST names; without it the host's own, started if needed.
    static func client() async throws -> TandemClient {
        if let host = getenv("TANDEM_HOST").map({ String(cString: $0) }), !host.isEmpty {
            guard host.hasPrefix("unix://") else {
                throw CommandFailure(
                    125, "TANDEM_HOST is '\(host)', which is no UNIX socket",
                    hint: "Set it to unix:///path/to/tandem.sock.")
            }
            return TandemClient(socketPath: String(host.dropFirst(7)))
        }
        if !answers(defaultSocket) { try await start() }
        return TandemClient(socketPath: defaultSocket)
    }

    private static func answers(_ path: String) -> Bool {
        let descriptor = tandem_unix_socket(0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return tandem_unix_connect(descriptor, path) == 0
    }

    private static func start() async throws {
        if access(defaultSocket, F_OK) == 0, access(defaultSocket, R_OK | W_OK) != 0 {
            throw CommandFailure(
                125, "permission denied while connecting to the daemon at unix://\(defaultSocket)",
                hint: "Run it as root, or join the group 'tandem'.")
        }
        guard geteuid() == 0 else {
            throw CommandFailure(
                125, "the daemon is not running, and only root can start it", hint: "Run `sudo tandemd` first.")
        }
        guard let program = find() else {
            throw CommandFailure(
                125, "the daemon is not running, and 'tandemd' is neither beside this program nor in PATH",
                hint: "Install all three programs of Tandem into one folder.")
        }
        let process = try spawn(program)
        let begun = ContinuousClock.now
        var hasSaidSo = false
        while !answers(defaultSocket) {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                throw CommandFailure(125, "the daemon could not be started", hint: lastWords())
            }
            let waited = ContinuousClock.now - begun
            if waited > .seconds(1), !hasSaidSo, Output.isTerminal(STDERR_FILENO) {
                Output.write("starting tandemd…\n", to: STDERR_FILENO)
                hasSaidSo = true
            }
            guard waited < .seconds(30) else {
                throw CommandFailure(125, "the daemon did not come up within 30 s", hint: "Its log is \(log).")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private static let log = "/var/log/tandemd.log"

    private static func lastWords() -> String {
        // Without a log there is nothing to say.
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(2).joined(separator: "\n")
    }

    private static func find() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        let folder = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin"
        return ([folder] + path.split(separator: ":").map(String.init)).map { $0 + "/tandemd" }.first {
            access($0, X_OK) == 0
        }
    }

    /// A session of its own, so that it outlives the terminal.
    private static func spawn(_ program: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSID))
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        guard posix_spawn(&process, program, &actions, &attributes, arguments, Glibc.environ) == 0 else {
            throw CommandFailure(125, "'\(program)' cannot be executed: \(String(cString: strerror(errno)))")
        }
        return process
    }
}
