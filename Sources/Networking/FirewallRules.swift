// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// What the firewall has to do, and how it is said to nftables; a pure value.
struct FirewallRules: Sendable, Equatable {
    /// A network's bridge.
    struct Bridge: Sendable, Equatable {
        var link: String
        var subnets: [IPNetwork]
        var isInternal = false
        var isMasqueraded = true
        var portsReachEachOther = true
    }

    /// A port of the host that is passed on.
    struct Port: Sendable, Equatable {
        var published: PublishedPort
        var target: IPAddress
    }

    var bridges: [Bridge] = []
    var ports: [Port] = []

    var isEmpty: Bool { bridges.isEmpty && ports.isEmpty }

    /// One transaction that puts the whole table in the place of the one before.
    func text(table: String) -> String {
        // To delete a table that may not be there, it is made first.
        let removal = "table inet \(table)\ndelete table inet \(table)\n"
        guard !isEmpty else { return removal }
        return removal + "table inet \(table) {\n" + guarding + passing + translating + "}\n"
    }

    private func chain(_ name: String, _ head: String, _ lines: [String]) -> String {
        "  chain \(name) {\n" + ([head] + lines).filter { !$0.isEmpty }.map { "    \($0)\n" }.joined() + "  }\n"
    }

    private func quoted(_ link: String) -> String { "\"\(link)\"" }

    private var links: String { "{ " + bridges.map { quoted($0.link) }.joined(separator: ", ") + " }" }

    /// Answers to connections from the host's 127.0.0.1 come in by a bridge (`route_localnet`); nothing else may.
    private var guarding: String {
        guard !bridges.isEmpty else { return "" }
        return chain(
            "guarding", "type filter hook prerouting priority raw; policy accept;",
            ["iifname \(links) ip daddr 127.0.0.0/8 drop"])
    }

    private var passing: String {
        var lines = ["ct state established,related accept", "ct status dnat accept"]
        for bridge in bridges {
            let name = quoted(bridge.link)
            lines.append("iifname \(name) oifname \(name) \(bridge.portsReachEachOther ? "accept" : "drop")")
        }
        for bridge in bridges where bridge.isInternal {
            lines.append("iifname \(quoted(bridge.link)) drop")
        }
        // From other networks, and from outside to ports that are not published.
        if !bridges.isEmpty { lines.append("oifname \(links) drop") }
        return chain("passing", "type filter hook forward priority filter; policy accept;", lines)
    }

    private var translating: String {
        var leaving: [String] = []
        for bridge in bridges where !bridge.isInternal {
            for subnet in bridge.subnets {
                let family = subnet.address.isIPv6 ? "ip6" : "ip"
                if bridge.isMasqueraded {
                    leaving.append(
                        "\(family) saddr \(subnet) oifname != \(quoted(bridge.link)) masquerade")
                }
                // A workload that reaches itself or a neighbour through the host: the answer has to come back here.
                leaving.append("\(family) saddr \(subnet) \(family) daddr \(subnet) ct status dnat masquerade")
                if !subnet.address.isIPv6 {
                    leaving.append("ip saddr 127.0.0.0/8 oifname \(quoted(bridge.link)) masquerade")
                }
            }
        }
        var text = chain("leaving", "type nat hook postrouting priority srcnat; policy accept;", leaving)
        guard !ports.isEmpty else { return text }
        text += chain("ports", "", ports.map(Self.rule))
        for (name, hook) in [("arriving", "prerouting priority dstnat"), ("beginning", "output priority -100")] {
            text += chain(name, "type nat hook \(hook); policy accept;", ["fib daddr type local jump ports"])
        }
        return text
    }

    private static func rule(_ port: Port) -> String {
        let published = port.published
        let isIPv6 = published.hostAddress.isIPv6
        let family = isIPv6 ? "ip6" : "ip"
        // What comes from ::1 the kernel does not take back from a bridge; who tries it hears at once that nobody listens.
        let everywhere = isIPv6 ? "ip6 daddr != ::1 " : ""
        let address =
            published.hostAddress.isUnspecified ? everywhere : "\(family) daddr \(published.hostAddress) "
        let target = isIPv6 ? "[\(port.target)]" : port.target.description
        return "meta nfproto \(isIPv6 ? "ipv6" : "ipv4") \(address)\(published.transport) dport \(published.hostPort) "
            + "dnat \(family) to \(target):\(published.port)"
    }
}
