// SPDX-License-Identifier: Apache-2.0

#if !hasFeature(Embedded)
    public import LaunchProtocol
#endif

/// What is common to all new links.
public struct NewLink: Sendable, Equatable {
    /// At most 15 bytes.
    public var name: Bytes
    /// Six bytes, or none for one of the kernel's choice.
    public var hardwareAddress: Bytes = []
    /// 0 leaves it to the kernel.
    public var mtu: UInt32 = 0
    /// A number by which links of one owner are found again; 0 for none.
    public var group: UInt32 = 0
    /// The bridge that it becomes a port of; 0 for none.
    public var master: UInt32 = 0
    /// Whether it is up at once.
    public var isUp = true
    /// The network namespace in which it appears; negative for the socket's.
    public var namespace: Int32 = -1

    /// Describes a link.
    public init(name: Bytes) { self.name = name }
}

extension NetlinkMessage {
    private enum Attribute {
        static let address: UInt16 = 1
        static let name: UInt16 = 3
        static let mtu: UInt16 = 4
        static let link: UInt16 = 5
        static let master: UInt16 = 10
        static let protocolInformation: UInt16 = 12
        static let information: UInt16 = 18
        static let group: UInt16 = 27
        static let namespace: UInt16 = 28
        static let kind: UInt16 = 1
        static let data: UInt16 = 2
    }

    /// `struct ifinfomsg`.
    private static func header(family: UInt8 = 0, index: UInt32 = 0, up: Bool? = nil) -> Bytes {
        let flags: UInt32 = up == true ? 1 : 0
        return [family, 0, 0, 0] + encoded(index) + encoded(flags) + encoded(UInt32(up == nil ? 0 : 1))
    }

    private static func make(
        _ link: NewLink, _ kind: StaticString, parent: UInt32 = 0, _ data: (inout NetlinkMessage) -> Void
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            .newLink, flags: [.create, .exclusive, .acknowledge], body: header(up: link.isUp ? true : nil))
        message.describe(link)
        if parent != 0 { message.attribute(Attribute.link, number: parent) }
        message.nest(Attribute.information) { message in
            message.attribute(
                Attribute.kind, Bytes(UnsafeBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount)))
            message.nest(Attribute.data) { data(&$0) }
        }
        return message
    }

    private mutating func describe(_ link: NewLink) {
        attribute(Attribute.name, text: link.name)
        if !link.hardwareAddress.isEmpty { attribute(Attribute.address, link.hardwareAddress) }
        if link.mtu != 0 { attribute(Attribute.mtu, number: link.mtu) }
        if link.group != 0 { attribute(Attribute.group, number: link.group) }
        if link.master != 0 { attribute(Attribute.master, number: link.master) }
        if link.namespace >= 0 { attribute(Attribute.namespace, number: link.namespace) }
    }

    /// A bridge.
    public static func makeBridge(_ link: NewLink) -> NetlinkMessage { make(link, "bridge") { _ in } }

    /// A pair of links, each the other's end.
    public static func makePair(_ link: NewLink, peer: NewLink) -> NetlinkMessage {
        make(link, "veth") { message in
            message.nest(1) { message in
                message.append(raw: header(up: peer.isUp ? true : nil))
                message.describe(peer)
            }
        }
    }

    /// A link with an address of its own on another one's wire.
    ///
    /// Such links reach each other, but not the host.
    public static func makeMACVLAN(_ link: NewLink, parent: UInt32) -> NetlinkMessage {
        // MACVLAN_MODE_BRIDGE
        make(link, "macvlan", parent: parent) { $0.attribute(1, number: UInt32(4)) }
    }

    /// A tunnel that carries Ethernet in UDP, between the hosts that its forwarding entries name.
    public static func makeVXLAN(_ link: NewLink, identifier: UInt32, port: UInt16, local: Bytes) -> NetlinkMessage {
        make(link, "vxlan") { message in
            message.attribute(1, number: identifier)
            if local.count == 4 { message.attribute(4, local) }
            message.attribute(7, [1])
            message.attribute(15, number: port.bigEndian)
        }
    }

    /// Removes a link.
    public static func removeLink(_ index: UInt32) -> NetlinkMessage {
        NetlinkMessage(.deleteLink, flags: .acknowledge, body: header(index: index))
    }

    /// Changes a link; what is `nil` stays.
    public static func changeLink(
        _ index: UInt32, name: Bytes? = nil, isUp: Bool? = nil, mtu: UInt32? = nil, master: UInt32? = nil,
        group: UInt32? = nil, hardwareAddress: Bytes? = nil
    ) -> NetlinkMessage {
        var message = NetlinkMessage(.newLink, flags: .acknowledge, body: header(index: index, up: isUp))
        if let name { message.attribute(Attribute.name, text: name) }
        if let hardwareAddress { message.attribute(Attribute.address, hardwareAddress) }
        if let mtu { message.attribute(Attribute.mtu, number: mtu) }
        if let master { message.attribute(Attribute.master, number: master) }
        if let group { message.attribute(Attribute.group, number: group) }
        return message
    }

    /// Keeps a port of a bridge from reaching other ports that are isolated too, or lets it.
    public static func isolatePort(_ index: UInt32, _ isolated: Bool) -> NetlinkMessage {
        var message = NetlinkMessage(.setLink, flags: .acknowledge, body: header(family: 7, index: index))
        message.nest(Attribute.protocolInformation) { $0.attribute(33, [isolated ? 1 : 0]) }
        return message
    }

    /// Lets a port of a bridge send back what it has brought, for a workload that reaches itself through the host.
    public static func reflectPort(_ index: UInt32) -> NetlinkMessage {
        var message = NetlinkMessage(.setLink, flags: .acknowledge, body: header(family: 7, index: index))
        message.nest(Attribute.protocolInformation) { $0.attribute(4, [1]) }
        return message
    }

    static func getLink(name: Bytes) -> NetlinkMessage {
        var message = NetlinkMessage(.getLink, flags: [], body: header())
        message.attribute(Attribute.name, text: name)
        return message
    }

    static var getLinks: NetlinkMessage { NetlinkMessage(.getLink, flags: .dump, body: header()) }
}
