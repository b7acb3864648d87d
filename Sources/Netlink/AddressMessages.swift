// SPDX-License-Identifier: Apache-2.0

#if !hasFeature(Embedded)
    public import LaunchProtocol
#endif

extension NetlinkMessage {
    private static let internet: UInt8 = 2
    private static let internet6: UInt8 = 10

    private static func family(_ address: Bytes) -> UInt8 { address.count == 16 ? internet6 : internet }

    /// Gives a link an address of 4 or 16 bytes.
    public static func addAddress(_ address: Bytes, prefix: UInt8, to index: UInt32) -> NetlinkMessage {
        // IFA_F_NODAD: an address that the host has chosen need not be asked for on the wire.
        let flags: UInt8 = address.count == 16 ? 0x02 : 0
        var message = NetlinkMessage(
            .newAddress, flags: [.create, .replace, .acknowledge],
            body: [family(address), prefix, flags, 0] + encoded(index))
        message.attribute(2, address)
        message.attribute(1, address)
        if address.count == 4 && prefix < 31 { message.attribute(4, broadcast(address, prefix)) }
        return message
    }

    private static func broadcast(_ address: Bytes, _ prefix: UInt8) -> Bytes {
        let mask = prefix == 0 ? UInt32.max : UInt32.max >> UInt32(prefix)
        return address.enumerated().map { index, byte in
            byte | UInt8(truncatingIfNeeded: mask >> UInt32(8 * (3 - index)))
        }
    }

    /// A route to a network by way of a gateway, or over a link alone where `gateway` is empty.
    ///
    /// An empty destination with prefix 0 is the default route.
    public static func addRoute(
        to destination: Bytes, prefix: UInt8, gateway: Bytes, over index: UInt32
    ) -> NetlinkMessage {
        let type = family(gateway.isEmpty ? destination : gateway)
        // RT_TABLE_MAIN, RTPROT_STATIC; RT_SCOPE_LINK without a gateway; RTN_UNICAST.
        let body: Bytes = [type, prefix, 0, 0, 254, 4, gateway.isEmpty ? 253 : 0, 1, 0, 0, 0, 0]
        var message = NetlinkMessage(.newRoute, flags: [.create, .replace, .acknowledge], body: body)
        if prefix > 0 { message.attribute(1, destination) }
        if !gateway.isEmpty { message.attribute(5, gateway) }
        message.attribute(4, number: index)
        return message
    }

    /// Where a vxlan tunnel sends what has no known place: to another host.
    public static func floodTo(_ host: Bytes, over index: UInt32) -> NetlinkMessage {
        forwarding(.newNeighbour, flags: [.create, .append, .acknowledge], host, index)
    }

    /// Takes that back.
    public static func doNotFloodTo(_ host: Bytes, over index: UInt32) -> NetlinkMessage {
        forwarding(.deleteNeighbour, flags: .acknowledge, host, index)
    }

    private static func forwarding(_ kind: Kind, flags: Flags, _ host: Bytes, _ index: UInt32) -> NetlinkMessage {
        // AF_BRIDGE, NUD_PERMANENT | NUD_NOARP, NTF_SELF.
        let body: Bytes = [7, 0, 0, 0] + encoded(index) + encoded(UInt16(0xC0)) + [2, 0]
        var message = NetlinkMessage(kind, flags: flags, body: body)
        message.attribute(2, [0, 0, 0, 0, 0, 0])
        message.attribute(1, host)
        return message
    }

    static var getRoutes: NetlinkMessage {
        NetlinkMessage(.getRoute, flags: .dump, body: [internet] + Bytes(repeating: 0, count: 11))
    }
}
