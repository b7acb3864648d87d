// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// What a workload has got of its networks: what a start needs to know, and what it holds on the host.
public struct NetworkAttachment: Sendable {
    /// Where it is on one network.
    public struct Place: Sendable {
        /// What is kept with the workload.
        public var endpoint: Endpoint
        /// What it wanted.
        public var spec: EndpointSpec
        /// What it is connected to.
        public var attachesTo: AttachmentPoint
        /// The largest packet; 0 for the usual one.
        public var mtu: UInt32
        /// Whether the network speaks IPv6.
        public var hasIPv6: Bool
        /// Whether the way out leads over it.
        public var hasDefaultRoute: Bool
    }

    /// What an interface is connected to.
    public enum AttachmentPoint: Sendable, Hashable {
        /// A bridge of the host.
        case bridge(String)
        /// The wire of an interface of the host.
        case wire(String)
    }

    /// Its places, in the order of its interfaces.
    public var places: [Place] = []
    /// Its ports of the host.
    public var published: [PublishedPort] = []
    /// Descriptors that keep the ports of the host from others; whoever gets this closes them.
    public var reservations: [Int32] = []
    /// The number by which its links are found again.
    public var group: UInt32 = 0

    /// None.
    public init() {}
}
