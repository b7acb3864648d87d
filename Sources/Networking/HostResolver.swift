// SPDX-License-Identifier: Apache-2.0

import Glibc
public import TandemModel

/// The host's name servers.
public enum HostResolver {
    /// Those that a network of one's own can reach: not on the host's loopback addresses, nor on one link alone.
    public static var servers: [IPAddress] {
        // A host without the file resolves nothing.
        let descriptor = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = read(descriptor, &buffer, buffer.count)
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, words[0] == "nameserver", let address = IPAddress(String(words[1])) else {
                return nil
            }
            return address.isLoopback || address.isIPv6 ? nil : address
        }
    }
}
