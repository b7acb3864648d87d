// SPDX-License-Identifier: Apache-2.0

import APIModel
import NIOCore
import TandemModel

/// Reads from a create request what concerns networks and names, with Docker's checks and words.
enum NetworkRequest {
    static func mode(from host: JSONValue) throws(EngineError) -> NetworkMode {
        switch host["NetworkMode"].string ?? "" {
        case "", "default", "none": return .none
        case "host": return .host
        case let name:
            throw EngineError(
                .unsupported, "the network '\(name)' is not supported yet",
                hint: "Use --network none or --network host.")
        }
    }

    /// The docker CLI repeats the network's name here; anything more would be ignored.
    static func refusedEndpoints(_ body: JSONValue) -> [String] {
        var refused: [String] = []
        for (name, settings) in body["NetworkingConfig"]["EndpointsConfig"].object ?? [:] {
            guard ["none", "host", "default"].contains(name) else {
                refused.append("the network '\(name)' is not supported yet (use none or host)")
                continue
            }
            let asked = (settings.object ?? [:]).filter { !$0.value.isEmpty }.keys.sorted()
            if !asked.isEmpty { refused.append("the network '\(name)' has no \(asked.joined(separator: ", "))") }
        }
        return refused
    }

    /// `NAME:ADDRESS`, where the address may have colons itself.
    static func extraHosts(from host: JSONValue) throws(EngineError) -> [String] {
        var entries: [String] = []
        for text in host["ExtraHosts"].strings ?? [] {
            guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else {
                throw EngineError(
                    .invalidArgument, "bad format for add-host: \"\(text)\"", hint: "Use NAME:ADDRESS.")
            }
            var address = String(text[text.index(after: colon)...])
            if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
            guard address != "host-gateway" else {
                throw EngineError(
                    .unsupported, "unable to derive the IP value for host-gateway",
                    hint: "The networks none and host have no gateway; use an address.")
            }
            guard isAddress(address) else {
                throw EngineError(
                    .invalidArgument, "invalid IP address in add-host: \"\(address)\"",
                    hint: "For example db:192.0.2.7.")
            }
            entries.append("\(text[..<colon]):\(address)")
        }
        return entries
    }

    static func resolver(from host: JSONValue) throws(EngineError) -> ResolverSpec {
        var spec = ResolverSpec()
        spec.nameServers = host["Dns"].strings ?? []
        spec.searchDomains = host["DnsSearch"].strings ?? []
        spec.options = host["DnsOptions"].strings ?? []
        for server in spec.nameServers where !isAddress(server) {
            throw EngineError(.invalidArgument, "\(server) is not an ip address", hint: "For example --dns 9.9.9.9.")
        }
        // A line of resolv.conf is all that they are.
        for word in spec.searchDomains + spec.options where word.contains(where: \.isWhitespace) || word.isEmpty {
            throw EngineError(
                .invalidArgument, "'\(word)' is no domain or option of resolv.conf", hint: "Give one word at a time.")
        }
        return spec
    }

    // Not an address: what SwiftNIO says about it does not help.
    private static func isAddress(_ text: String) -> Bool { (try? SocketAddress(ipAddress: text, port: 0)) != nil }
}
