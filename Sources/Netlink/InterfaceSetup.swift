// SPDX-License-Identifier: Apache-2.0

#if !hasFeature(Embedded)
    public import LaunchProtocol
#endif

extension NetlinkSocket {
    /// Gives the interfaces of a workload their names, addresses and routes.
    ///
    /// The same for a container, whose interfaces the host has made, and for a guest, whose are devices: each is known by its
    /// hardware address. What is set already is set again.
    public func configure(_ interfaces: [NetworkInterface]) throws(NetlinkFailure) {
        guard !interfaces.isEmpty else { return }
        let present = try links()
        var messages: [NetlinkMessage] = []
        for interface in interfaces {
            guard let link = present.first(where: { $0.hardwareAddress == interface.hardwareAddress }) else {
                throw NetlinkFailure(19)  // ENODEV
            }
            messages += Self.messages(for: interface, link)
        }
        try perform(messages)
    }

    private static func messages(for interface: NetworkInterface, _ link: Link) -> [NetlinkMessage] {
        // A name can be given only to a link that is down.
        let isNamed = link.name == interface.name
        var messages: [NetlinkMessage] = []
        if !isNamed && link.isUp { messages.append(.changeLink(link.index, isUp: false)) }
        if !isNamed || !link.isUp || (interface.mtu != 0 && interface.mtu != link.mtu) {
            messages.append(
                .changeLink(
                    link.index, name: isNamed ? nil : interface.name, isUp: true,
                    mtu: interface.mtu == 0 ? nil : interface.mtu))
        }
        for address in interface.addresses {
            messages.append(.addAddress(address.bytes, prefix: address.prefix, to: link.index))
        }
        for route in interface.routes {
            messages.append(
                .addRoute(to: route.destination, prefix: route.prefix, gateway: route.gateway, over: link.index))
        }
        return messages
    }
}
