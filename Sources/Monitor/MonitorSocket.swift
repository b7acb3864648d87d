// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// Connecting to a monitor by its path.
enum MonitorSocket {
    /// Connects; a UNIX socket answers at once or not at all.
    ///
    /// - Returns: `nil` if nobody listens.
    static func connect(_ path: FilePath) -> Int32? {
        let descriptor = tandem_unix_socket(0)
        guard descriptor >= 0 else { return nil }
        guard path.withPlatformString({ tandem_unix_connect(descriptor, $0) }) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Who listens (unix(7), `SO_PEERCRED`).
    static func peer(of descriptor: Int32) -> Int32? {
        var credentials = ucred()
        var size = socklen_t(MemoryLayout<ucred>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        return credentials.pid > 0 ? credentials.pid : nil
    }
}
