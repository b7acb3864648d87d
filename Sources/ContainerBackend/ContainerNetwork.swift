// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LaunchProtocol
import LinuxSystem
import Netlink
import TandemModel

/// Networks of containers: namespaces, and the links that lead into them.
enum ContainerNetwork {
    /// Makes a workload's network namespace with its interfaces in it.
    ///
    /// Blocks.
    ///
    /// - Returns: A descriptor, which the caller closes: with the last one everything in it goes. `nil` for a workload
    ///   without interfaces.
    static func make(_ request: WorkloadRequest) throws(EngineError) -> Int32? {
        guard !request.links.isEmpty else { return nil }
        let namespace = try NetworkNamespace.make()
        do throws(EngineError) {
            for link in request.links { try connect(link, namespace) }
        } catch {
            close(namespace)
            throw error
        }
        return namespace
    }

    /// Makes an interface in the network of a running process.
    ///
    /// Blocks.
    static func connect(_ link: WorkloadLink, toNetworkOf process: Int32) throws(EngineError) {
        let namespace = open("/proc/\(process)/ns/net", O_RDONLY | O_CLOEXEC)
        guard namespace >= 0 else {
            throw EngineError(.conflict, "the container has ended meanwhile", hint: "Start it again.")
        }
        defer { close(namespace) }
        try connect(link, namespace)
    }

    /// Takes an interface out of the network of a running process.
    ///
    /// Blocks.
    static func disconnect(_ endpoint: Endpoint, fromNetworkOf process: Int32) throws(EngineError) {
        let inside = NetlinkSocket(owning: try NetworkNamespace.openSocket(inNamespaceOf: process))
        do throws(NetlinkFailure) {
            guard let link = try inside.link(named: Bytes(endpoint.interface.utf8)) else { return }
            try inside.perform(.removeLink(link.index))
        } catch {
            throw EngineError(
                .internal,
                "the interface '\(endpoint.interface)' cannot be removed: \(String(cString: strerror(error.errno)))")
        }
    }

    private static func connect(_ link: WorkloadLink, _ namespace: Int32) throws(EngineError) {
        do throws(NetlinkFailure) {
            try make(link, namespace, try NetlinkSocket())
        } catch {
            throw failure(link, error)
        }
    }

    private static func failure(_ link: WorkloadLink, _ failure: NetlinkFailure) -> EngineError {
        let name = String(decoding: link.interface.name, as: UTF8.self)
        return EngineError(
            .internal, "the network interface '\(name)' cannot be made: \(String(cString: strerror(failure.errno)))",
            hint: "The kernel needs CONFIG_VETH, CONFIG_BRIDGE and, for some networks, CONFIG_MACVLAN.")
    }

    private static func make(
        _ link: WorkloadLink, _ namespace: Int32, _ socket: consuming NetlinkSocket
    ) throws(NetlinkFailure) {
        var inside = NewLink(name: link.interface.name)
        inside.hardwareAddress = link.interface.hardwareAddress
        inside.mtu = link.interface.mtu
        inside.namespace = namespace
        // Up once it has its settings.
        inside.isUp = false
        switch link.peer {
        case .bridge(let name):
            guard let bridge = try socket.link(named: Bytes(name.utf8)) else { throw NetlinkFailure(errno: ENODEV) }
            var outside = NewLink(name: Bytes(link.hostName.utf8))
            outside.group = link.group
            outside.master = bridge.index
            outside.mtu = link.interface.mtu
            try socket.perform(.makePair(outside, peer: inside))
        case .wire(let name):
            guard let parent = try socket.link(named: Bytes(name.utf8)) else { throw NetlinkFailure(errno: ENODEV) }
            try socket.perform(.makeMACVLAN(inside, parent: parent.index))
        }
    }
}
