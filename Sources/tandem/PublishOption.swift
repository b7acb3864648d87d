// SPDX-License-Identifier: Apache-2.0

import APIModel

/// Docker's short form of a published port: `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`, with ranges.
enum PublishOption {
    /// The workload's ports, each with what it is bound to on the host.
    static func parse(_ text: String) throws -> [(port: String, binding: JSONValue)] {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let transport = halves.count > 1 ? halves[1].lowercased() : "tcp"
        guard halves.count <= 2, ["tcp", "udp", "sctp"].contains(transport) else {
            throw failure(text, "invalid proto: \(halves.last ?? "")")
        }
        var (address, rest) = ("", Substring(halves[0]))
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            address = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...].drop { $0 == ":" }
        }
        var parts = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let inside = parts.popLast(), let ports = range(inside), ports.lowerBound > 0 else {
            throw failure(text, "invalid containerPort: \(rest)")
        }
        let outside = parts.popLast() ?? ""
        if address.isEmpty { address = parts.joined(separator: ":") }
        let hostPorts = outside.isEmpty ? nil : range(outside)
        guard outside.isEmpty || hostPorts != nil else { throw failure(text, "invalid hostPort: \(outside)") }
        // One port with a range on the host takes any of it; two ranges go side by side.
        guard ports.count == 1 || hostPorts == nil || hostPorts?.count == ports.count else {
            throw failure(text, "invalid ranges specified for container and host Ports: \(inside) and \(outside)")
        }
        return ports.enumerated().map { index, port in
            var hostPort = outside
            if ports.count > 1, let hostPorts { hostPort = String(hostPorts.lowerBound + UInt16(index)) }
            return (
                "\(port)/\(transport)", ["HostIp": .string(address), "HostPort": .string(hostPort)]
            )
        }
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1], low <= high
        else { return nil }
        return low...high
    }

    private static func failure(_ text: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            125, "invalid argument \"\(text)\" for \"-p, --publish\" flag: \(reason)", hint: "For example -p 8080:80.")
    }
}
