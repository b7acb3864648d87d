// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// A block device over a file (loop(4)), for kernels that cannot mount a file itself.
enum LoopDevice {
    /// Attaches a file to a free device, read-only; the device detaches itself after the last user.
    ///
    /// - Returns: The open device and its path, or `nil` with errno set.
    static func attach(_ file: FilePath) -> (descriptor: Int32, path: String)? {
        let backing = file.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        guard backing >= 0 else { return nil }
        defer { close(backing) }
        // Another program may take the free one first.
        for _ in 0..<50 {
            let number = tandem_free_loop_device()
            guard number >= 0 else { return nil }
            let path = "/dev/loop\(number)"
            let device = tandem_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0)
            guard device >= 0 else { return nil }
            if tandem_configure_loop_device(device, backing) == 0 { return (device, path) }
            let problem = errno
            close(device)
            guard problem == EBUSY else { return nil }
        }
        return nil
    }
}
