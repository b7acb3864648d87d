// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// Files that the kernel writes when they are read, as those of proc(5) and cgroups(7).
///
/// They have no size, and one read(2) brings a page of them at most: Foundation takes that for the whole file.
public enum KernelFile {
    /// The whole content, with a mark for each byte that is no UTF-8; `nil` if it cannot be read.
    public static func text(_ path: FilePath) -> String? {
        let descriptor = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            content += chunk[..<count]
        }
        return String(decoding: content, as: UTF8.self)
    }
}
