// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol

extension DomainXML {
    /// A network card.
    public struct Interface: Sendable, Hashable {
        /// As `02:42:ac:11:00:02`.
        public var hardwareAddress: String
        /// Name of its link on the host, where it has one.
        public var hostName: String
        /// The bridge that it is connected to.
        public var bridge: String?
        /// The interface of the host on whose wire it is.
        public var wire: String?
        /// Its largest packet; 0 for the usual one.
        public var mtu: UInt32 = 0

        /// Describes a card.
        public init(hardwareAddress: String, hostName: String) {
            self.hardwareAddress = hardwareAddress
            self.hostName = hostName
        }

        /// The card of a link.
        init(_ link: WorkloadLink) {
            self.init(hardwareAddress: link.interface.hardwareAddressText, hostName: link.hostName)
            switch link.peer {
            case .bridge(let name): bridge = name
            case .wire(let name): wire = name
            }
            mtu = link.interface.mtu
        }

        /// libvirt's element; without an address, libvirt takes a port that is free.
        func element(address: [String] = []) -> [String] {
            var lines: [String] = []
            if let wire {
                lines.append("    <interface type='direct'>")
                lines.append("      <source dev='\(escape(wire))' mode='bridge'/>")
            } else {
                lines.append("    <interface type='bridge'>")
                lines.append("      <source bridge='\(escape(bridge ?? ""))'/>")
            }
            lines.append("      <mac address='\(escape(hardwareAddress))'/>")
            if !hostName.isEmpty { lines.append("      <target dev='\(escape(hostName))'/>") }
            lines.append("      <model type='virtio'/>")
            // No boot ROM: nothing boots from the network.
            lines.append("      <rom enabled='no'/>")
            if mtu != 0 { lines.append("      <mtu size='\(mtu)'/>") }
            return lines + address + ["    </interface>"]
        }
    }

    /// Cards that a VM may get while it runs, besides those that it has at its start.
    static let sparePorts = 2

    /// The cards, each behind a port of its own, and some ports more.
    ///
    /// A device on the root bus can neither come nor go. A port costs the boot of an emulated guest a hundredth; a guest
    /// that is on no network can never be on one, and needs none.
    func networkElements(_ slots: inout PCISlots) -> [String] {
        guard !interfaces.isEmpty else { return [] }
        var lines: [String] = []
        for index in 1...(interfaces.count + Self.sparePorts) {
            let address = slots.next()
            // On a bus that is full, libvirt puts cards where it finds a place, and they stay for the guest's life.
            guard !address.isEmpty else {
                if index <= interfaces.count { lines += interfaces[index - 1].element() }
                continue
            }
            lines.append("    <controller type='pci' index='\(index)' model='pcie-root-port'>")
            lines += address + ["    </controller>"]
            guard index <= interfaces.count else { continue }
            let bus = (index < 16 ? "0" : "") + String(index, radix: 16)
            lines += interfaces[index - 1].element(address: [
                "      <address type='pci' domain='0x0000' bus='0x\(bus)' slot='0x00' function='0x0'/>"
            ])
        }
        return lines
    }
}
