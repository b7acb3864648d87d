// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import TandemModel

/// Block devices by their paths.
public enum BlockDevice {
    /// Major and minor number as control groups write them, for example `254:0`.
    ///
    /// - Throws: `.invalidArgument` in Docker's words if the path is no device.
    public static func number(of path: String) throws(EngineError) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            // As Go's os.Stat, which Docker passes on; strerror begins with a capital letter.
            let reason = String(cString: strerror(errno)).lowercased()
            throw EngineError(.invalidArgument, "stat \(path): \(reason)", hint: "Name a block device of the host.")
        }
        guard status.st_mode & S_IFMT == S_IFBLK else {
            throw EngineError(.invalidArgument, "\(path) is not a block device", hint: "For example /dev/sda.")
        }
        let device = UInt64(status.st_rdev)
        return "\(tandem_major(device)):\(tandem_minor(device))"
    }
}
