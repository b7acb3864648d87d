// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dockerfile
import Glibc

/// Files of a context that steer the build.
enum ContextFile {
    /// A file's content; links lead nowhere but into the context.
    ///
    /// Blocks.
    static func read(_ path: String, in root: Int32) -> [UInt8]? {
        let descriptor = tandem_open_in_root(root, path, UInt64(O_RDONLY | O_NONBLOCK | O_CLOEXEC), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 16 << 20 else {
            return nil
        }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { return content }
            content += buffer[..<count]
        }
    }

    /// What clients send although `.dockerignore` leaves it out: they need it themselves.
    ///
    /// Blocks.
    static func excluded(_ dockerfile: String, in root: Int32) -> Set<[[UInt8]]> {
        guard let content = read(".dockerignore", in: root),
            let patterns = try? IgnorePatterns(String(decoding: content, as: UTF8.self))
        else { return [] }
        let named = [".dockerignore", dockerfile].filter(patterns.ignores)
        return Set(named.map { LayerOverlay.split($0.utf8) })
    }
}
