// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Networks that are more than a bridge of one host, each daemon in a network namespace that stands for a host of its own.
@Suite(.daemon, .serialized)
struct NetworkDriverTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func ip(_ daemon: Daemon, _ arguments: String...) async throws {
        let whole = ["/usr/sbin/ip"] + arguments
        let result = try await daemon.onHost(whole)
        #expect(result.status == 0, "ip \(arguments.joined(separator: " ")): \(result.errors)")
    }

    private func tandem(_ daemon: Daemon, _ arguments: String...) async throws -> Program.Result {
        let result = try await daemon.tandem(arguments)
        #expect(result.status == 0, "\(arguments.joined(separator: " ")): \(result.errors)\(result.output)")
        return result
    }

    @Test func hostsAreJoinedByATunnel() async throws {
        let other = try await Daemon()
        do {
            try await joinHosts(other)
            _ = try await tandem(daemon, "run", "-d", "--name", "near", "--network", "wide", "busybox", "sleep", "1000")
            // Both kinds, by address and by name, in both directions.
            _ = try await tandem(
                other, "run", "--rm", "--network", "wide", "busybox", "ping", "-c", "1", "-W", "5", "10.55.0.2")
            _ = try await tandem(
                other, "run", "--rm", "--vm", "--network", "wide", "busybox", "ping", "-c", "1", "-W", "5", "near")
            _ = try await tandem(
                other, "run", "-d", "--vm", "--name", "far", "--network", "wide", "busybox", "sleep", "1000")
            _ = try await tandem(daemon, "exec", "near", "ping", "-c", "1", "-W", "5", "far")
            _ = try await tandem(daemon, "rm", "-f", "near")
            _ = try await tandem(daemon, "network", "rm", "wide")
            _ = try await tandem(other, "rm", "-f", "far")
            _ = try await tandem(other, "network", "rm", "wide")
            try await ip(daemon, "link", "del", "uplink")
            let left = try await daemon.networkDevices().filter { $0.hasPrefix("br-") || $0.hasPrefix("vx-") }
            #expect(left.isEmpty, "\(left)")
        } catch {
            await other.tearDown()
            throw error
        }
        await other.tearDown()
    }

    /// A wire between the two hosts, and one network over it: one host has its peers by hand, the other one by a file.
    private func joinHosts(_ other: Daemon) async throws {
        _ = try await tandem(other, "run", "--rm", "busybox", "true")
        let process = String(try #require(other.processID))
        try await ip(daemon, "link", "add", "uplink", "type", "veth", "peer", "name", "uplink", "netns", process)
        for (host, address) in [(daemon, "198.51.100.1/24"), (other, "198.51.100.2/24")] {
            try await ip(host, "addr", "add", address, "dev", "uplink")
            try await ip(host, "link", "set", "uplink", "up")
        }
        let peers = other.folder.path + "/peers"
        try "# the first host\n198.51.100.1\n".write(toFile: peers, atomically: true, encoding: .utf8)
        let common = ["network", "create", "-d", "vxlan", "-o", "vxlan.id=42", "--subnet", "10.55.0.0/24"]
        let first = try await daemon.tandem(
            common + [
                "-o", "vxlan.peers=198.51.100.2", "-o", "vxlan.name-servers=10.55.0.129", "--ip-range", "10.55.0.0/25",
                "--gateway", "10.55.0.1", "wide",
            ])
        let second = try await other.tandem(
            common + [
                "-o", "vxlan.peers-file=\(peers)", "-o", "vxlan.name-servers=10.55.0.1", "--ip-range", "10.55.0.128/25",
                "--gateway", "10.55.0.129", "wide",
            ])
        #expect(first.status == 0 && second.status == 0, "\(first.errors)\(second.errors)")
    }

    @Test func aMacvlanIsOnItsParentsWire() async throws {
        try await ip(daemon, "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
        for link in ["wire0", "wire1"] { try await ip(daemon, "link", "set", link, "up") }
        try await ip(daemon, "addr", "add", "10.77.0.9/24", "dev", "wire1")
        _ = try await tandem(
            daemon, "network", "create", "-d", "macvlan", "-o", "parent=wire0", "--subnet", "10.77.0.0/24", "mac")
        _ = try await tandem(daemon, "run", "-d", "--name", "m1", "--network", "mac", "busybox", "sleep", "1000")
        for target in ["10.77.0.2", "10.77.0.9"] {
            _ = try await tandem(
                daemon, "run", "--rm", "--network", "mac", "busybox", "ping", "-c", "1", "-W", "2", target)
        }
        _ = try await tandem(daemon, "rm", "-f", "m1")
        _ = try await tandem(daemon, "network", "rm", "mac")
        try await ip(daemon, "link", "del", "wire0")
        let refused = try await daemon.tandem("network", "create", "-d", "macvlan", "-o", "parent=nosuch", "mac")
        #expect(refused.status == 1 && refused.errors.contains("the host has no interface 'nosuch'"))
    }

    @Test(arguments: Kind.allCases)
    func addressesOfIPv6AreGivenOnRequest(kind: Kind) async throws {
        _ = try await tandem(daemon, "network", "create", "--ipv6", "--subnet", "fd12::/64", "six")
        _ = try await tandem(daemon, "run", "-d", "--name", "six1", "--network", "six", "busybox", "sleep", "1000")
        let result = try await daemon.tandem(
            ["run", "--rm"] + kind.flags + ["--network", "six", "busybox", "ping", "-6", "-c", "1", "-W", "3", "six1"])
        #expect(result.status == 0 && result.output.contains("fd12::2"), "\(result.output)\(result.errors)")
        _ = try await tandem(daemon, "rm", "-f", "six1")
        _ = try await tandem(daemon, "network", "rm", "six")
        let four = try await daemon.tandem("run", "--rm", "busybox", "ip", "-6", "addr", "show", "eth0")
        #expect(!four.output.contains("inet6"), "a network without IPv6 has not even addresses of its link")
    }
}
