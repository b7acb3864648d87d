// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage
public import TandemModel

/// A sealed copy of `tandem-init`, from which every monitor is executed by descriptor.
///
/// Neither a workload that gets hold of `/proc/PID/exe` nor an upgrade of the file changes what runs (CVE-2019-5736).
public final class MonitorProgram: Sendable {
    let descriptor: Int32
    /// Where the copy came from.
    public let path: FilePath

    /// Copies the program.
    ///
    /// - Throws: `.unavailable` if it cannot be read.
    public init(path: FilePath) throws(EngineError) {
        self.path = path
        let source = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        guard source >= 0 else {
            throw EngineError(
                .unavailable, "'\(path)' cannot be opened: \(String(cString: strerror(errno)))",
                hint: "Install tandem-init beside tandemd, or name it with --init-path.")
        }
        defer { close(source) }
        let copy = tandem_memory_file("tandem-init")
        guard copy >= 0 else { throw EngineError(.resourceExhausted, "there is no memory for a copy of '\(path)'") }
        var copied = 1
        while copied > 0 { copied = sendfile(copy, source, nil, 1 << 20) }
        guard copied == 0, fchmod(copy, 0o555) == 0, tandem_seal(copy) == 0 else {
            close(copy)
            throw EngineError(.unavailable, "'\(path)' cannot be copied into memory")
        }
        // Only a read-only descriptor of it can be executed while others hold it too: reopen it.
        descriptor = tandem_openat(AT_FDCWD, "/proc/self/fd/\(copy)", O_RDONLY | O_CLOEXEC, 0)
        close(copy)
        guard descriptor >= 0 else { throw EngineError(.unavailable, "/proc is needed to open the copy of '\(path)'") }
    }

    deinit { close(descriptor) }
}
