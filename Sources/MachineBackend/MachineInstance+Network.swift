// SPDX-License-Identifier: Apache-2.0

import Backend
import LinuxSystem
import TandemModel

extension MachineInstance {
    /// Plugs a card into one of the guest's free ports.
    func connect(_ link: WorkloadLink) async throws(EngineError) {
        do throws(LibvirtError) {
            let present = try await connection.xml(uuid: names.uuid)
            if Self.count("<interface type=", present) < Self.count("model='pcie-root-port'", present) {
                return try await connection.attach(
                    DomainXML.Interface(link).element().joined(separator: "\n"), uuid: names.uuid)
            }
        } catch {
            throw failure("connected", error)
        }
        throw EngineError(
            .unsupported, "the VM '\(names.id.short)' has no room for a further network card while it runs",
            hint: "Stop it, connect it, and start it again.")
    }

    /// Asks the guest to let go of a card, and waits until it has.
    func disconnect(_ endpoint: Endpoint) async throws(EngineError) {
        do throws(LibvirtError) {
            guard let card = try await card(endpoint) else { return }
            try await connection.detach(card, uuid: names.uuid)
            let end = HostTime.monotonic + 10_000_000_000
            while try await self.card(endpoint) != nil, HostTime.monotonic < end {
                // Only the daemon's own end cancels this.
                try? await Task.sleep(for: .milliseconds(10))
            }
            guard try await self.card(endpoint) != nil else { return }
        } catch  where error.isMissingDomain || error.isInvalidState {
            return  // with the guest
        } catch {
            throw failure("disconnected", error)
        }
        throw EngineError(
            .timeout,
            "the guest of the VM '\(names.id.short)' does not let go of its network card '\(endpoint.interface)'",
            hint: "Stop the VM, disconnect it, and start it again; its kernel needs CONFIG_HOTPLUG_PCI_ACPI.")
    }

    /// A card of the running guest as libvirt describes it; `nil` once it has gone.
    private func card(_ endpoint: Endpoint) async throws(LibvirtError) -> String? {
        let address = "<mac address='\(endpoint.hardwareAddress.lowercased())'/>"
        let end = "</interface>"
        return try await connection.xml(uuid: names.uuid).split(separator: "<interface ").dropFirst().lazy
            .compactMap { part in part.firstRange(of: end).map { "<interface " + part[..<$0.lowerBound] + end } }
            .first { $0.contains(address) }
    }

    private static func count(_ part: String, _ text: String) -> Int { text.ranges(of: part).count }
}
