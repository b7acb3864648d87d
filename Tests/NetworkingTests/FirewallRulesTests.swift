// SPDX-License-Identifier: Apache-2.0

import Foundation
import TandemModel
import Testing

@testable import Networking

@Suite("The firewall's rules")
struct FirewallRulesTests {
    private func bridge(_ name: String, _ subnet: String) throws -> FirewallRules.Bridge {
        FirewallRules.Bridge(link: name, subnets: [try #require(IPNetwork(subnet))])
    }

    @Test("without networks nothing is left")
    func empty() {
        #expect(FirewallRules().text(table: "t") == "table inet t\ndelete table inet t\n")
    }

    @Test("networks are kept apart, and their packets leave under the host's address")
    func isolation() throws {
        var rules = FirewallRules()
        rules.bridges = [try bridge("b1", "10.1.0.0/24"), try bridge("b2", "10.2.0.0/24")]
        let text = rules.text(table: "t")
        #expect(text.hasPrefix("table inet t\ndelete table inet t\ntable inet t {\n"))
        let order = ["iifname \"b1\" oifname \"b1\" accept", "oifname { \"b1\", \"b2\" } drop"]
        let places = try order.map { try #require(text.range(of: $0)?.lowerBound) }
        #expect(places[0] < places[1])
        #expect(text.contains("ip saddr 10.1.0.0/24 oifname != \"b1\" masquerade"))
        #expect(text.contains("iifname { \"b1\", \"b2\" } ip daddr 127.0.0.0/8 drop"))
        #expect(!text.contains("dnat ip to"))
    }

    @Test("an internal network has no way out, and one without neighbours none to those")
    func restrictions() throws {
        var rules = FirewallRules()
        rules.bridges = [try bridge("b1", "10.1.0.0/24"), try bridge("b2", "10.2.0.0/24")]
        rules.bridges[0].isInternal = true
        rules.bridges[1].portsReachEachOther = false
        let text = rules.text(table: "t")
        #expect(text.contains("    iifname \"b1\" drop\n"))
        #expect(!text.contains("10.1.0.0/24"))
        #expect(text.contains("iifname \"b2\" oifname \"b2\" drop"))
    }

    @Test("ports of IPv6 are passed on to addresses of IPv6, but not from ::1")
    func portsOfIPv6() throws {
        var rules = FirewallRules()
        rules.bridges = [try bridge("b1", "fd12::/64")]
        for address in ["::", "fd99::1"] {
            let published = PublishedPort(
                port: 80, transport: "tcp", hostAddress: try #require(IPAddress(address)), hostPort: 8080)
            rules.ports.append(FirewallRules.Port(published: published, target: try #require(IPAddress("fd12::2"))))
        }
        let text = rules.text(table: "t")
        #expect(text.contains("    meta nfproto ipv6 ip6 daddr != ::1 tcp dport 8080 dnat ip6 to [fd12::2]:80\n"))
        #expect(text.contains("    meta nfproto ipv6 ip6 daddr fd99::1 tcp dport 8080 dnat ip6 to [fd12::2]:80\n"))
    }

    @Test("published ports are those of the address that was chosen")
    func ports() throws {
        var rules = FirewallRules()
        rules.bridges = [try bridge("b1", "10.1.0.0/24")]
        let target = try #require(IPAddress("10.1.0.2"))
        for (address, port) in [("0.0.0.0", 8080), ("127.0.0.1", 9090)] as [(String, UInt16)] {
            let published = PublishedPort(
                port: 80, transport: "tcp", hostAddress: try #require(IPAddress(address)), hostPort: port)
            rules.ports.append(FirewallRules.Port(published: published, target: target))
        }
        let text = rules.text(table: "t")
        #expect(text.contains("    meta nfproto ipv4 tcp dport 8080 dnat ip to 10.1.0.2:80\n"))
        #expect(text.contains("    meta nfproto ipv4 ip daddr 127.0.0.1 tcp dport 9090 dnat ip to 10.1.0.2:80\n"))
    }
}
