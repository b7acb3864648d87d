// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TandemModel

extension NetworkStore {
    /// Reserves the ports of the host that a workload wants, for each family of addresses that it has.
    func reservePorts(
        _ spec: WorkloadSpec, _ user: User, _ name: String, _ attachment: inout NetworkAttachment,
        _ state: borrowing State
    ) throws(EngineError) {
        var taken = state.users.values.flatMap(\.published)
        for port in Self.wanted(spec) {
            do throws(PortProblem) {
                for (published, descriptor) in try reserve(port, Self.addresses(port, user, state), taken) {
                    attachment.published.append(published)
                    attachment.reservations.append(descriptor)
                    taken.append(published)
                }
            } catch {
                throw EngineError(
                    .internal,
                    "driver failed programming external connectivity on endpoint \(name) (\(user.endpoints[0].id)): \(error.words)",
                    hint: error.hint)
            }
        }
    }

    private static func wanted(_ spec: WorkloadSpec) -> [PortSpec] {
        var wanted = spec.ports
        guard spec.publishesAllPorts else { return wanted }
        for exposed in spec.exposedPorts where !wanted.contains(where: { $0.name == exposed }) {
            let parts = exposed.split(separator: "/")
            guard let port = parts.first.flatMap({ UInt16($0) }) else { continue }
            wanted.append(PortSpec(port: port, transport: parts.count > 1 ? String(parts[1]) : "tcp"))
        }
        return wanted
    }

    private struct PortProblem: Error {
        var words: String
        var hint = "`tandem ps` and `ss -lntu` show who has it; publish another port."
    }

    /// The host's addresses at which a port is reached: of the families that the workload has.
    private static func addresses(
        _ port: PortSpec, _ user: User, _ state: borrowing State
    ) throws(PortProblem) -> [IPAddress] {
        let everywhere = [IPAddress(bytes: [0, 0, 0, 0]), IPAddress(bytes: [UInt8](repeating: 0, count: 16))]
        let reached = everywhere.filter { address in
            let probe = PublishedPort(
                port: port.port, transport: port.transport, hostAddress: address, hostPort: 0)
            return state.target(of: probe, user) != nil
        }
        // A workload without a way out publishes nothing, as Docker's.
        guard let address = port.hostAddress, !reached.isEmpty else { return reached }
        guard !address.isIPv6 || !address.isLoopback else {
            throw PortProblem(
                words: "nothing can be passed on from [::1]: the kernel takes no answer for it from a bridge",
                hint: "Publish the port at 127.0.0.1, or at all addresses.")
        }
        guard reached.contains(where: { $0.isIPv6 == address.isIPv6 }) else {
            throw PortProblem(
                words: "\(address) is of \(address.isIPv6 ? "IPv6" : "IPv4"), which the workload does not have",
                hint: "Use a network that has: tandem network create --ipv6 NAME.")
        }
        return [address]
    }

    /// Takes the first port of those that are wanted which is free at all addresses.
    private func reserve(
        _ port: PortSpec, _ addresses: [IPAddress], _ taken: [PublishedPort]
    ) throws(PortProblem) -> [(PublishedPort, Int32)] {
        guard !addresses.isEmpty else { return [] }
        var problem = PortProblem(words: "")
        // A port of the kernel's choice may be taken at the other address.
        for candidate in port.hostPorts.map(Array.init) ?? [0, 0, 0, 0] {
            var reserved: [(PublishedPort, Int32)] = []
            do throws(PortProblem) {
                for address in addresses {
                    let number = reserved.first?.0.hostPort ?? candidate
                    reserved.append(try Self.reserve(port, address, number, taken))
                }
                return reserved
            } catch {
                for (_, descriptor) in reserved { close(descriptor) }
                problem = error
            }
        }
        throw problem
    }

    private static func reserve(
        _ port: PortSpec, _ address: IPAddress, _ number: UInt16, _ taken: [PublishedPort]
    ) throws(PortProblem) -> (PublishedPort, Int32) {
        let place = "\(address.isIPv6 ? "[\(address)]" : "\(address)"):\(number)"
        let isTaken = taken.contains {
            $0.hostPort == number && $0.transport == port.transport && $0.hostAddress.isIPv6 == address.isIPv6
                && ($0.hostAddress == address || $0.hostAddress.isUnspecified || address.isUnspecified)
        }
        guard number == 0 || !isTaken else {
            throw PortProblem(words: "Bind for \(place) failed: port is already allocated")
        }
        switch PortReservation.reserve(address, number, transport: port.transport) {
        case .success(let reserved):
            let published = PublishedPort(
                port: port.port, transport: port.transport, hostAddress: address, hostPort: reserved.port)
            return (published, reserved.descriptor)
        case .failure(let failure) where failure.errno == EADDRINUSE:
            throw PortProblem(words: "Bind for \(place) failed: port is already allocated")
        case .failure(let failure) where failure.errno == EPROTONOSUPPORT || failure.errno == ESOCKTNOSUPPORT:
            throw PortProblem(
                words: "Bind for \(place) failed: \(port.transport): \(String(cString: strerror(failure.errno)))",
                hint:
                    "The host's kernel has no \(port.transport.uppercased()); load its module, for example by `modprobe \(port.transport)`."
            )
        case .failure(let failure):
            throw PortProblem(
                words: "Bind for \(place) failed: \(port.transport): \(String(cString: strerror(failure.errno)))")
        }
    }
}
