// SPDX-License-Identifier: Apache-2.0

/// Everything that is known about a network beyond the life of the daemon.
public struct NetworkRecord: Hashable, Sendable, Codable {
    /// 64 hexadecimal digits.
    public var id: String
    /// Unique.
    public var name: String
    /// What it is made of.
    public var driver: NetworkDriver
    /// When it was made.
    public var created: Timestamp
    /// Labels of the user.
    public var labels: [String: String] = [:]
    /// Options of the driver.
    public var options: [String: String] = [:]
    /// Whether it has no way out.
    public var isInternal = false
    /// Said by swarms; repeated only.
    public var isAttachable = false
    /// Whether its workloads speak IPv6.
    public var hasIPv6 = false
    /// The addresses that it gives out: of IPv4, and of IPv6 behind it.
    public var pools: [AddressPool] = []
    /// Whether the user has chosen the addresses.
    public var hasOwnAddresses = false

    /// Describes a network.
    public init(id: String, name: String, driver: NetworkDriver, created: Timestamp) {
        self.id = id
        self.name = name
        self.driver = driver
        self.created = created
    }

    /// Whether it is always there.
    public var isPredefined: Bool { ["bridge", "host", "none"].contains(name) }

    /// Whether it is the network of workloads that name none.
    public var isDefault: Bool { name == "bridge" }
}

/// What a network is made of.
public enum NetworkDriver: String, Hashable, Sendable, Codable {
    /// A bridge of this host.
    case bridge
    /// Addresses of their own on the wire of one of the host's interfaces.
    case macvlan
    /// A bridge that is joined with those of other hosts by a tunnel.
    case vxlan
    /// The host's own.
    case host
    /// None.
    case null
}

/// A range of addresses that a network gives out.
public struct AddressPool: Hashable, Sendable, Codable {
    /// All addresses of the network.
    public var subnet: IPNetwork
    /// The host's own address in it.
    public var gateway: IPAddress
    /// The part from which workloads get theirs, unless they choose.
    public var range: IPNetwork?
    /// Addresses of others.
    public var auxiliary: [String: IPAddress] = [:]

    /// Describes a pool.
    public init(subnet: IPNetwork, gateway: IPAddress) {
        self.subnet = subnet
        self.gateway = gateway
    }
}

/// Where a running workload is on a network.
public struct Endpoint: Hashable, Sendable, Codable {
    /// 64 hexadecimal digits.
    public var id: String
    /// The network's id.
    public var networkID: String
    /// The network's name.
    public var networkName: String
    /// The interface inside, for example `eth0`.
    public var interface: String
    /// The link on the host; empty if there is none.
    public var hostLink: String
    /// As `02:42:ac:11:00:02`.
    public var hardwareAddress: String
    /// Its addresses, with the length of their network's prefix.
    public var addresses: [IPAddress]
    /// The lengths of `addresses`.
    public var prefixes: [Int]
    /// The gateways of `addresses`; the same address where there is none.
    public var gateways: [IPAddress]

    /// Describes an endpoint.
    public init(
        id: String, networkID: String, networkName: String, interface: String, hostLink: String, hardwareAddress: String
    ) {
        self.id = id
        self.networkID = networkID
        self.networkName = networkName
        self.interface = interface
        self.hostLink = hostLink
        self.hardwareAddress = hardwareAddress
        addresses = []
        prefixes = []
        gateways = []
    }
}
