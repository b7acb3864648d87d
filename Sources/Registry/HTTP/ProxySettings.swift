// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// The proxies that the environment names, by the rules of Go's programs and so of dockerd
/// (golang.org/x/net/http/httpproxy).
public struct ProxySettings: Sendable, Hashable {
    /// For `http` addresses; empty for none.
    public var http: String
    /// For `https` addresses; empty for none.
    public var https: String
    /// Hosts that are reached without one, separated by commas: names with those below them, addresses, networks, `*`.
    public var exceptions: String

    /// Names proxies.
    public init(http: String = "", https: String = "", exceptions: String = "") {
        self.http = http
        self.https = https
        self.exceptions = exceptions
    }

    /// Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or the same in small letters.
    public init(environment: (String) -> String?) {
        func value(_ name: String) -> String {
            let large = environment(name) ?? ""
            return large.isEmpty ? environment(name.lowercased()) ?? "" : large
        }
        self.init(http: value("HTTP_PROXY"), https: value("HTTPS_PROXY"), exceptions: value("NO_PROXY"))
    }

    /// The same without names and passwords, as dockerd shows them.
    public var shown: ProxySettings {
        func mask(_ text: String) -> String {
            guard let end = text.lastIndex(of: "@") else { return text }
            let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
            return text[..<start] + "xxxxx:xxxxx" + text[end...]
        }
        return ProxySettings(http: mask(http), https: mask(https), exceptions: exceptions)
    }

    /// Which proxy leads to an address; `nil` for none.
    func proxy(for url: URL) throws(RegistryFailure) -> URL? {
        let text = url.scheme == "https" ? https : http
        guard !text.isEmpty, let host = url.host(percentEncoded: false), !isException(host, url) else { return nil }
        guard let proxy = URL(string: text.contains("://") ? text : "http://" + text), proxy.scheme == "http",
            let name = proxy.host, !name.isEmpty
        else {
            throw RegistryFailure(
                .unreachable, "the proxy for \(RepositoryClient.place(of: url)) is no address of an HTTP proxy",
                hint: "Name one in the daemon's environment: HTTPS_PROXY=http://proxy.example:3128.")
        }
        return proxy
    }

    private func isException(_ name: String, _ url: URL) -> Bool {
        let host = (name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name).lowercased()
        let address = Self.address(host)
        // A proxy's own machine is another one.
        if host == "localhost" || host == "::1" || address.map({ $0 >> 24 == 127 }) ?? false { return true }
        let port = url.port ?? (url.scheme == "https" ? 443 : 80)
        return exceptions.split(separator: ",").contains { part in
            let entry = part.trimmingWhitespace().lowercased()
            if entry == "*" { return true }
            if let network = RegistryEndpoint.Network(entry) { return address.map(network.contains) ?? false }
            if entry == host { return true }
            var suffix = entry[...]
            if let colon = entry.lastIndex(of: ":"), let wanted = Int(entry[entry.index(after: colon)...]) {
                guard wanted == port else { return false }
                suffix = entry[..<colon]
            }
            if suffix.hasPrefix("*.") { suffix = suffix.dropFirst() }
            guard !suffix.isEmpty else { return false }
            return host == suffix || host.hasSuffix(suffix.hasPrefix(".") ? String(suffix) : ".\(suffix)")
        }
    }

    private static func address(_ text: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }
}

extension Substring {
    fileprivate func trimmingWhitespace() -> String {
        String(String(drop(while: \.isWhitespace).reversed()).drop(while: \.isWhitespace).reversed())
    }
}
