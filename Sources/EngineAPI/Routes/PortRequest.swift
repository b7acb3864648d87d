// SPDX-License-Identifier: Apache-2.0

import APIModel
import OCI
import TandemModel

/// Reads from a create request which ports a workload has, and which the host passes on.
struct PortRequest {
    let body: JSONValue
    let host: JSONValue
    let image: ImageConfiguration.Defaults

    /// The ports that image and user name, and those that are published.
    func exposed() throws(EngineError) -> [String] {
        var names: Set<String> = []
        let named = Array((image.exposedPorts ?? [:]).keys) + Array((body["ExposedPorts"].object ?? [:]).keys)
        for text in named + Array((host["PortBindings"].object ?? [:]).keys) {
            let (ports, transport) = try Self.ports(text)
            for port in ports { names.insert("\(port)/\(transport)") }
        }
        return names.sorted()
    }

    func published() throws(EngineError) -> [PortSpec] {
        var result: [PortSpec] = []
        for (text, bindings) in (host["PortBindings"].object ?? [:]).sorted(by: { $0.key < $1.key }) {
            let (ports, transport) = try Self.ports(text)
            // A port without a binding gets one of the host's choice.
            let wanted = (bindings.array ?? []).isEmpty ? [[:]] : bindings.array ?? []
            for port in ports {
                for binding in wanted {
                    result.append(try Self.spec(port, transport, binding))
                }
            }
        }
        return result
    }

    private static func spec(
        _ port: UInt16, _ transport: String, _ binding: JSONValue
    ) throws(EngineError) -> PortSpec {
        var spec = PortSpec(port: port, transport: transport)
        if let text = binding["HostIp"].string, !text.isEmpty {
            guard let address = IPAddress(text) else {
                throw EngineError(.invalidArgument, "invalid IP address: \(text)", hint: "For example 127.0.0.1.")
            }
            spec.hostAddress = address
        }
        if let text = binding["HostPort"].string, !text.isEmpty {
            guard let range = range(text) else {
                throw EngineError(
                    .invalidArgument, "invalid port specification: \"\(text)\"", hint: "For example 8080, or 8080-8090."
                )
            }
            if range != 0...0 { spec.hostPorts = range }
        }
        return spec
    }

    /// `80`, `80/udp` or `80-90/tcp`.
    private static func ports(_ text: String) throws(EngineError) -> (ports: ClosedRange<UInt16>, transport: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let transport = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard parts.count <= 2, let range = range(parts[0]), range.lowerBound > 0 else {
            throw EngineError(.invalidArgument, "invalid port specification: \"\(text)\"", hint: "For example 80/tcp.")
        }
        guard ["tcp", "udp", "sctp"].contains(transport) else {
            throw EngineError(.invalidArgument, "invalid proto: \(transport)", hint: "Use tcp, udp or sctp.")
        }
        return (range, transport)
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1], low <= high
        else { return nil }
        return low...high
    }
}
