// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import TandemModel

/// Runs a program of the host to its end, such as `mkfs.ext4`.
public struct SystemProgram: Sendable {
    /// Absolute path.
    public var path: String
    /// Without the program itself.
    public var arguments: [String]

    /// Describes a program and its arguments.
    public init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }

    /// Blocks until the program has ended.
    ///
    /// - Throws: `.internal` with the end of what it wrote to stderr if it is missing or did not succeed.
    public func run() throws(EngineError) { try run(output: nil) }

    /// Blocks until the program has ended, and gives what it wrote to standard output.
    ///
    /// - Throws: As `run`.
    public func output() throws(EngineError) -> String {
        let file = memfd_create("stdout", UInt32(MFD_CLOEXEC))
        guard file >= 0 else { throw EngineError(.resourceExhausted, "'\(path)' cannot be run: no descriptor is left") }
        defer { close(file) }
        try run(output: file)
        let size = Int(lseek(file, 0, SEEK_END))
        var content = [UInt8](repeating: 0, count: max(0, size))
        let count = pread(file, &content, content.count, 0)
        return String(decoding: content.prefix(max(0, count)), as: UTF8.self)
    }

    private func run(output: Int32?) throws(EngineError) {
        let errors = memfd_create("stderr", UInt32(MFD_CLOEXEC))
        guard errors >= 0 else {
            throw EngineError(.resourceExhausted, "'\(path)' cannot be run: no descriptor is left")
        }
        defer { close(errors) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, 1)
        } else {
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        // Dispatch's threads block signals, and a blocked signal stays blocked over execve.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var list: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        list.append(nil)
        defer { for pointer in list { free(pointer) } }
        let environment: [UnsafeMutablePointer<CChar>?] = [
            strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), strdup("LC_ALL=C"), nil,
        ]
        defer { for pointer in environment { free(pointer) } }
        var process: pid_t = 0
        let problem = posix_spawn(&process, path, &actions, &attributes, list, environment)
        guard problem == 0 else {
            throw EngineError(
                .unsupported, "'\(path)' cannot be run: \(String(cString: strerror(problem)))",
                hint: "Run `make setup` to install what Tandem needs.")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw EngineError(.internal, "'\(path)' failed: \(Self.tail(of: errors))")
        }
    }

    private static func tail(of descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 2048)
        let size = lseek(descriptor, 0, SEEK_END)
        let count = pread(descriptor, &buffer, buffer.count, max(0, size - buffer.count))
        guard count > 0 else { return "it gave no reason" }
        let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
        return lines.suffix(3).joined(separator: "; ")
    }
}
