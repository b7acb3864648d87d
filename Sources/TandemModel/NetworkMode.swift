// SPDX-License-Identifier: Apache-2.0

/// How a workload is attached to networks.
public enum NetworkMode: RawRepresentable, Hashable, Sendable, Codable {
    /// A network namespace (or guest) with only a loopback device.
    case none
    /// The host's network; containers only.
    case host
    /// That of another workload; containers only.
    case joined(WorkloadID)
    /// Networks of Tandem's, the first of them by name or id.
    case network(String)

    /// Docker's words.
    public var rawValue: String {
        switch self {
        case .none: "none"
        case .host: "host"
        case .joined(let id): "container:\(id)"
        case .network(let name): name
        }
    }

    /// Reads Docker's words; `container:` needs a whole id.
    public init?(rawValue: String) {
        switch rawValue {
        case "": return nil
        case "none": self = .none
        case "host": self = .host
        case let text where text.hasPrefix("container:"):
            guard let id = WorkloadID(String(text.dropFirst("container:".count))) else { return nil }
            self = .joined(id)
        default: self = .network(rawValue)
        }
    }

    /// Whether it has interfaces of its own to set up.
    public var isPrivate: Bool {
        switch self {
        case .none, .network: true
        case .host, .joined: false
        }
    }
}

/// What a workload wants of one of its networks.
public struct EndpointSpec: Hashable, Sendable, Codable {
    /// Name or id of the network, as the user gave it.
    public var network: String
    /// Addresses of the user's choice.
    public var addresses: [IPAddress] = []
    /// A hardware address of the user's choice, as `02:42:ac:11:00:02`.
    public var hardwareAddress: String?
    /// Further names that it has there.
    public var aliases: [String] = []
    /// Options for the network's driver, which only `inspect` repeats.
    public var options: [String: String] = [:]

    /// Describes an endpoint.
    public init(network: String) { self.network = network }
}

/// A port of a workload that the host is to pass on.
public struct PortSpec: Hashable, Sendable, Codable {
    /// The workload's port.
    public var port: UInt16
    /// `tcp`, `udp` or `sctp`.
    public var transport: String
    /// The host's address; `nil` for all.
    public var hostAddress: IPAddress?
    /// The host's port: one of a range, or any if there is none.
    public var hostPorts: ClosedRange<UInt16>?

    /// Describes a port.
    public init(port: UInt16, transport: String) {
        self.port = port
        self.transport = transport
    }

    /// As `80/tcp`.
    public var name: String { "\(port)/\(transport)" }
}

/// A port of the host that is passed on to a workload.
public struct PublishedPort: Hashable, Sendable, Codable {
    /// The workload's port.
    public var port: UInt16
    /// `tcp`, `udp` or `sctp`.
    public var transport: String
    /// The host's address.
    public var hostAddress: IPAddress
    /// The host's port.
    public var hostPort: UInt16

    /// Describes a port.
    public init(port: UInt16, transport: String, hostAddress: IPAddress, hostPort: UInt16) {
        self.port = port
        self.transport = transport
        self.hostAddress = hostAddress
        self.hostPort = hostPort
    }

    /// As `80/tcp`.
    public var name: String { "\(port)/\(transport)" }
}
