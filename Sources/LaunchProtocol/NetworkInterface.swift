// SPDX-License-Identifier: Apache-2.0

/// A network interface of a workload, as it is set up inside.
public struct NetworkInterface: Sendable, Hashable {
    /// Its name inside, for example `eth0`.
    public var name: Bytes
    /// Six bytes, by which it is found.
    public var hardwareAddress: Bytes
    /// Its largest packet; 0 leaves it alone.
    public var mtu: UInt32 = 0
    /// Whether it speaks IPv6.
    public var hasIPv6 = false
    /// Its addresses.
    public var addresses: [InterfaceAddress] = []
    /// What is reached over it.
    public var routes: [InterfaceRoute] = []

    /// Describes an interface.
    public init(name: Bytes, hardwareAddress: Bytes) {
        self.name = name
        self.hardwareAddress = hardwareAddress
    }
}

/// An address and the length of its network's prefix.
public struct InterfaceAddress: Sendable, Hashable {
    /// Four bytes, or sixteen.
    public var bytes: Bytes
    /// Bits of the network.
    public var prefix: UInt8
    /// Describes an address.
    public init(bytes: Bytes, prefix: UInt8) {
        self.bytes = bytes
        self.prefix = prefix
    }
}

/// A route.
public struct InterfaceRoute: Sendable, Hashable {
    /// Four bytes, or sixteen; empty for the default route.
    public var destination: Bytes
    /// Bits of the destination.
    public var prefix: UInt8
    /// By way of whom; empty for neighbours.
    public var gateway: Bytes
    /// Describes a route.
    public init(destination: Bytes = [], prefix: UInt8 = 0, gateway: Bytes) {
        self.destination = destination
        self.prefix = prefix
        self.gateway = gateway
    }
}

extension NetworkInterface {
    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        writer.write(hardwareAddress)
        writer.write(mtu)
        writer.write(hasIPv6)
        writer.write(addresses) { writer, address in
            writer.write(address.bytes)
            writer.write(address.prefix)
        }
        writer.write(routes) { writer, route in
            writer.write(route.destination)
            writer.write(route.prefix)
            writer.write(route.gateway)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(name: try reader.string(), hardwareAddress: try reader.string())
        mtu = try reader.number()
        hasIPv6 = try reader.bool()
        addresses = try reader.list { reader throws(DecodingFailure) in
            InterfaceAddress(bytes: try reader.string(), prefix: try reader.number())
        }
        routes = try reader.list { reader throws(DecodingFailure) in
            InterfaceRoute(
                destination: try reader.string(), prefix: try reader.number(), gateway: try reader.string())
        }
    }
}
