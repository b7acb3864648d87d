// SPDX-License-Identifier: Apache-2.0

#if !hasFeature(Embedded)
    public import LaunchProtocol
#endif

/// A network link as the kernel tells of it.
public struct Link: Sendable, Equatable {
    /// Its number.
    public var index: UInt32
    /// Its name.
    public var name: Bytes = []
    /// Its hardware address.
    public var hardwareAddress: Bytes = []
    /// The bridge whose port it is; 0 for none.
    public var master: UInt32 = 0
    /// Its owner's number; 0 for none.
    public var group: UInt32 = 0
    /// Its largest packet.
    public var mtu: UInt32 = 0
    /// Whether it is switched on.
    public var isUp: Bool
    /// What it has carried.
    public var traffic = LinkTraffic()

    /// Reads an answer with its header.
    init(_ answer: Bytes) {
        var reader = NetlinkReader(answer, from: 32, to: answer.count)
        index = reader.number(at: 20)
        isUp = (reader.number(at: 24) as UInt32) & 1 == 1
        while let (type, payload) = reader.next() {
            switch type {
            case 1: hardwareAddress = Bytes(answer[payload])
            case 3: name = reader.text(payload)
            case 4: mtu = reader.number(at: payload.lowerBound)
            case 10: master = reader.number(at: payload.lowerBound)
            case 23: traffic = LinkTraffic(reader, at: payload.lowerBound)
            case 27: group = reader.number(at: payload.lowerBound)
            default: break
            }
        }
    }
}

/// Counters of a link: received and sent by whoever has the link.
public struct LinkTraffic: Sendable, Equatable {
    /// Bytes received.
    public var receivedBytes: UInt64 = 0
    /// Packets received.
    public var receivedPackets: UInt64 = 0
    /// Errors while receiving.
    public var receiveErrors: UInt64 = 0
    /// Received packets that were thrown away.
    public var receiveDrops: UInt64 = 0
    /// Bytes sent.
    public var sentBytes: UInt64 = 0
    /// Packets sent.
    public var sentPackets: UInt64 = 0
    /// Errors while sending.
    public var sendErrors: UInt64 = 0
    /// Packets to be sent that were thrown away.
    public var sendDrops: UInt64 = 0

    /// Nothing yet.
    public init() {}

    /// `struct rtnl_link_stats64`.
    init(_ reader: NetlinkReader, at start: Int) {
        let field = { (number: Int) -> UInt64 in reader.number(at: start + 8 * number) }
        receivedPackets = field(0)
        sentPackets = field(1)
        receivedBytes = field(2)
        sentBytes = field(3)
        receiveErrors = field(4)
        sendErrors = field(5)
        receiveDrops = field(6)
        sendDrops = field(7)
    }

    /// The same seen from the other end of the wire.
    public var reversed: LinkTraffic {
        var other = LinkTraffic()
        (other.receivedBytes, other.sentBytes) = (sentBytes, receivedBytes)
        (other.receivedPackets, other.sentPackets) = (sentPackets, receivedPackets)
        (other.receiveErrors, other.sendErrors) = (sendErrors, receiveErrors)
        (other.receiveDrops, other.sendDrops) = (sendDrops, receiveDrops)
        return other
    }
}

/// A destination of the host's main routing table.
public struct RouteDestination: Sendable, Equatable {
    /// Four bytes.
    public var address: Bytes
    /// How many bits of it count; 0 is the default route.
    public var prefix: UInt8
    /// The link it leads over; 0 if there is none.
    public var link: UInt32

    init(_ answer: Bytes) {
        prefix = answer.count > 17 ? answer[17] : 0
        address = [0, 0, 0, 0]
        link = 0
        var reader = NetlinkReader(answer, from: 28, to: answer.count)
        while let (type, payload) = reader.next() {
            if type == 1 { address = Bytes(answer[payload]) }
            if type == 4 { link = reader.number(at: payload.lowerBound) }
        }
    }
}

extension NetlinkSocket {
    /// All links of the namespace.
    public func links() throws(NetlinkFailure) -> [Link] {
        try ask(.getLinks, isDump: true).map { Link($0) }
    }

    /// A link by name; `nil` if there is none.
    public func link(named name: Bytes) throws(NetlinkFailure) -> Link? {
        do throws(NetlinkFailure) {
            return try ask(.getLink(name: name), isDump: false).first.map { Link($0) }
        } catch {
            // ENODEV
            guard error.errno == 19 else { throw error }
            return nil
        }
    }

    /// Where IPv4 packets are sent, of all tables.
    public func routes() throws(NetlinkFailure) -> [RouteDestination] {
        try ask(.getRoutes, isDump: true).map { RouteDestination($0) }
    }
}
