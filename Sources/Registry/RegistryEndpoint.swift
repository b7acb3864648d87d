// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import LinuxSystem

/// Where a registry is asked, and whom to trust there.
struct RegistryEndpoint: Sendable, Hashable {
    /// Scheme, host and port, without a path.
    var address: String
    /// Host and port, as the folders of certificates are called.
    var host: String
    /// Whether a certificate that nobody knows will do.
    var trustsAnyone: Bool

    var isPlain: Bool { address.hasPrefix("http://") }

    /// Where to ask for a registry's repositories, in this order.
    static func all(for registry: String, _ settings: RegistrySettings, writes: Bool) async -> [RegistryEndpoint] {
        var endpoints: [RegistryEndpoint] = []
        if registry == "docker.io" {
            if !writes {
                for mirror in settings.mirrors {
                    guard let url = URL(string: mirror), let scheme = url.scheme, let host = url.host else { continue }
                    let place = url.port.map { "\(host):\($0)" } ?? host
                    let isInsecure = await isInsecure(place, settings)
                    endpoints.append(
                        RegistryEndpoint(address: "\(scheme)://\(place)", host: place, trustsAnyone: isInsecure))
                }
            }
            endpoints.append(
                RegistryEndpoint(
                    address: "https://registry-1.docker.io", host: "registry-1.docker.io", trustsAnyone: false))
            return endpoints
        }
        let isInsecure = await isInsecure(registry, settings)
        endpoints.append(
            RegistryEndpoint(address: "https://\(registry)", host: registry, trustsAnyone: isInsecure))
        if isInsecure {
            endpoints.append(RegistryEndpoint(address: "http://\(registry)", host: registry, trustsAnyone: true))
        }
        return endpoints
    }

    /// Docker's rule: named by a setting, or all of its addresses in a network that is; this machine itself always is.
    private static func isInsecure(_ registry: String, _ settings: RegistrySettings) async -> Bool {
        let name = hostName(of: registry)
        if settings.insecure.contains(where: { $0 == registry || $0 == name }) { return true }
        let networks = (["127.0.0.0/8"] + settings.insecure).compactMap { Network($0) }
        let addresses = await BlockingQueue.run { () -> [UInt32] in Self.addresses(of: name) }
        return addresses.contains { address in networks.contains { $0.contains(address) } }
    }

    /// The name of a host without its port, and without the brackets of an IPv6 address.
    static func hostName(of place: String) -> String {
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
            return String(place[place.index(after: place.startIndex)..<end])
        }
        return place.lastIndex(of: ":").map { String(place[..<$0]) } ?? place
    }

    private static func addresses(of name: String) -> [UInt32] {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [UInt32] = []
        var entry = list
        while let present = entry {
            present.pointee.ai_addr?.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                found.append(UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
            entry = present.pointee.ai_next
        }
        return found
    }

    /// A network in the form of `10.0.0.0/8`.
    struct Network {
        private let base: UInt32
        private let mask: UInt32

        init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 2, let bits = UInt32(parts[1]), bits <= 32 else { return nil }
            var address = in_addr()
            guard inet_pton(AF_INET, String(parts[0]), &address) == 1 else { return nil }
            mask = bits == 0 ? 0 : ~UInt32(0) << (32 - bits)
            base = UInt32(bigEndian: address.s_addr) & mask
        }

        func contains(_ address: UInt32) -> Bool { address & mask == base }
    }
}
