// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import TandemModel

/// Ports of the host that nobody else can take as long as their descriptors are open.
///
/// They are bound, but do not listen: packets are passed on before they would come to a socket.
enum PortReservation {
    /// Reserves one port.
    ///
    /// - Returns: The descriptor, which the caller closes, and the port; for 0, one of the kernel's choice.
    /// - Throws: The error number as `.failure`.
    static func reserve(
        _ address: IPAddress, _ port: UInt16, transport: String
    ) -> Result<(descriptor: Int32, port: UInt16), Failure> {
        let type = transport == "udp" ? Int32(SOCK_DGRAM.rawValue) : Int32(SOCK_STREAM.rawValue)
        let number: Int32 =
            switch transport {
            case "udp": Int32(IPPROTO_UDP)
            case "sctp": Int32(IPPROTO_SCTP)
            default: Int32(IPPROTO_TCP)
            }
        let descriptor = socket(
            address.isIPv6 ? AF_INET6 : AF_INET, type | Int32(SOCK_CLOEXEC.rawValue), number)
        guard descriptor >= 0 else { return .failure(Failure(errno: errno)) }
        let bound = address.isIPv6 ? bind6(descriptor, address, port) : bind4(descriptor, address, port)
        guard let bound else {
            let problem = errno
            close(descriptor)
            return .failure(Failure(errno: problem))
        }
        return .success((descriptor, bound))
    }

    /// Why a port cannot be had.
    struct Failure: Error {
        var errno: Int32
    }

    private static func bind4(_ descriptor: Int32, _ address: IPAddress, _ port: UInt16) -> UInt16? {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address.bytes) }
        return bind(descriptor, &name, port) { UInt16(bigEndian: $0.sin_port) }
    }

    private static func bind6(_ descriptor: Int32, _ address: IPAddress, _ port: UInt16) -> UInt16? {
        var on: Int32 = 1
        _ = setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.bytes) }
        return bind(descriptor, &name, port) { UInt16(bigEndian: $0.sin6_port) }
    }

    private static func bind<Name>(
        _ descriptor: Int32, _ name: inout Name, _ port: UInt16, _ chosen: (Name) -> UInt16
    ) -> UInt16? {
        var length = socklen_t(MemoryLayout<Name>.size)
        return withUnsafeMutablePointer(to: &name) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            guard tandem_bind(descriptor, raw, length) == 0, tandem_own_name(descriptor, raw, &length) == 0 else {
                return nil
            }
            return chosen(pointer.pointee)
        }
    }
}
