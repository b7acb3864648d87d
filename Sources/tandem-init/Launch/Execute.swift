// SPDX-License-Identifier: Apache-2.0

import CLinux

/// `PATH` of a process whose environment has none, as Docker's.
private var defaultPath: Bytes { bytes("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") }

extension ProcessPlan {
    /// Becomes the command.
    ///
    /// Runs last in a child whose root, streams and rights are set.
    ///
    /// - Parameters:
    ///   - home: The user's home folder.
    ///   - helper: busybox, opened before the root was left, for `.helper`.
    ///   - report: Where a failure is told.
    func execute(home: Bytes, helper: Int32, _ report: FailureReport) -> Never {
        // Root has been there already and may keep it; a user without the right to look it up stays there too.
        let entered = withPath(workingDirectory.isEmpty ? [0x2F] : workingDirectory) { chdir($0) }
        if entered < 0 && tandem_errno() != EACCES { report.fail(.workingDirectory, workingDirectory) }
        var variables = environment
        if value(of: bytes("HOME=")) == nil { variables.append(bytes("HOME=") + home) }
        if value(of: bytes("PATH=")) == nil { variables.append(bytes("PATH=") + defaultPath) }
        guard let command = arguments.first, !command.isEmpty || program != .arguments else {
            report.fail(LaunchFailure(.commandNotFound, errno: ENOENT))
        }
        let candidate = program == .helper ? [] : find(command, report)
        report.ready()
        withPointers(arguments) { arguments in
            withPointers(variables) { environment in
                if program == .helper {
                    _ = tandem_execveat(helper, "", arguments, environment)
                } else {
                    _ = withPath(candidate) { execve($0, arguments, environment) }
                }
            }
        }
        report.fail(tandem_errno() == ENOENT ? .commandNotFound : .commandNotExecutable, command)
    }

    private func value(of prefix: Bytes) -> Bytes? {
        for entry in environment.reversed() where entry.starts(with: prefix) { return Bytes(entry[prefix.count...]) }
        return nil
    }

    /// Looks a command up as Go's `exec.LookPath` does: a name with a slash is itself, others are searched in `PATH`;
    /// what is found but may not be executed is remembered for its better error.
    private func find(_ command: Bytes, _ report: FailureReport) -> Bytes {
        if command.contains(0x2F) {
            check(command, command, report)
            return command
        }
        var denied = false
        for folder in split(value(of: bytes("PATH=")) ?? defaultPath, at: 0x3A) {
            let path = (folder.isEmpty ? [0x2E] : Bytes(folder)) + [0x2F] + command
            var status = stat()
            guard withPath(path, { stat($0, &status) }) == 0 else { continue }
            guard status.st_mode & UInt32(S_IFMT) != UInt32(S_IFDIR) else { continue }
            if withPath(path, { faccessat(AT_FDCWD, $0, X_OK, AT_EACCESS) }) == 0 { return path }
            denied = true
        }
        report.fail(
            LaunchFailure(
                denied ? .commandNotExecutable : .commandNotFound, errno: denied ? EACCES : ENOENT, object: command))
    }

    private func check(_ path: Bytes, _ command: Bytes, _ report: FailureReport) {
        var status = stat()
        guard withPath(path, { stat($0, &status) }) == 0 else {
            let missing = tandem_errno() == ENOENT || tandem_errno() == ENOTDIR
            report.fail(missing ? .commandNotFound : .commandNotExecutable, command)
        }
        if status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR) {
            report.fail(LaunchFailure(.commandNotExecutable, errno: EISDIR, object: command))
        }
    }
}

/// Calls `body` with a null-terminated array of C strings.
private func withPointers(
    _ list: [Bytes], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Void
) {
    var pointers: [UnsafeMutablePointer<CChar>?] = list.map { text in withPath(text) { strdup($0) } }
    pointers.append(nil)
    // Safety: the array has at least its null, so it has an address; the strings live until the process is replaced.
    pointers.withUnsafeMutableBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
}
