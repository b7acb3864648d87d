// SPDX-License-Identifier: Apache-2.0

import APIModel
import NIOCore
import TandemModel

/// Reads from a create request what concerns networks and names, with Docker's checks and words.
enum NetworkRequest {
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
            guard isAddress(address) || address == "host-gateway" else {
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
