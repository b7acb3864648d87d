// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A parameter of the kernel below `/proc/sys`, in the daemon's network namespace.
struct HostSetting {
    private let path: String

    init(_ name: String) { path = "/proc/sys/\(name)" }

    /// Sets it.
    ///
    /// A kernel without the feature has no such file, and nothing to set.
    ///
    /// - Returns: Whether it has been changed.
    @discardableResult
    func set(_ value: String, unless present: String? = nil) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if let present {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = read(descriptor, &buffer, buffer.count)
            let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
            if text.hasPrefix(present) { return false }
        }
        return pwrite(descriptor, value, value.utf8.count, 0) == value.utf8.count
    }
}
