// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage
public import TandemModel

/// An exclusive lock on a file, held until this value goes or the process ends (flock(2)).
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock, making the file if needed.
    ///
    /// - Returns: `nil` if another process holds it.
    public init?(path: FilePath) throws(EngineError) {
        descriptor = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else {
            throw EngineError(
                errno == ENOSPC ? .resourceExhausted : .permissionDenied,
                "'\(path)' cannot be made: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}
