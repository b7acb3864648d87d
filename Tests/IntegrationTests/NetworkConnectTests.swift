// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Workloads of both kinds come to networks, and leave them, while they run.
@Suite(.daemon, .serialized)
struct NetworkConnectTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func aRunningWorkloadChangesItsNetworks(kind: Kind) async throws {
        try await daemon.succeed("network", "create", "later")
        try await daemon.serve(kind, "mover", ["--hostname", "wheels"])
        try await daemon.serve(.container, "far", ["--network", "later"])
        let (far, home) = (try await daemon.address(of: "far", on: "later"), try await daemon.address(of: "mover"))
        let resolver = try await daemon.output(in: "mover", "cat", "/etc/resolv.conf")
        #expect(try await daemon.isCutOff(far, from: "mover"))
        try await daemon.succeed("network", "connect", "--alias", "guest", "later", "mover")
        let own = try await daemon.address(of: "mover", on: "later")
        #expect(try await daemon.fetch(far, from: "mover") == "far")
        #expect(try await daemon.fetch("far", from: "mover") == "far", "names are asked of the new network")
        #expect(try await daemon.fetch("guest", from: "far") == "mover")
        #expect(try await daemon.fetchOnHost(own) == "mover")
        #expect(try await hosts() == [home, own])
        #expect(try await daemon.output(in: "mover", "ip", "route").contains("default via 172.17.0.1 dev eth0"))
        let again = try await daemon.tandem("network", "connect", "later", "mover")
        #expect(again.errors.contains("endpoint with name mover already exists in network later"))
        try await daemon.succeed("network", "disconnect", "later", "mover")
        #expect(try await daemon.isCutOff(far, from: "mover"))
        #expect(try await daemon.output(in: "mover", "ls", "/sys/class/net").split(separator: "\n") == ["eth0", "lo"])
        #expect(try await hosts() == [home])
        #expect(try await daemon.output(in: "mover", "cat", "/etc/resolv.conf") == resolver)
        #expect(try await daemon.tandem("exec", "far", "nslookup", "guest").status != 0, "its names have gone")
        try await daemon.removeWorkloads("mover", "far")
        try await daemon.succeed("network", "rm", "later")
    }

    /// The network that it was started on is no other than later ones.
    @Test(arguments: Kind.allCases)
    func theWayOutFollows(kind: Kind) async throws {
        try await daemon.succeed("network", "create", "--subnet", "10.60.0.0/24", "second")
        try await daemon.succeed("network", "create", "--internal", "--subnet", "10.61.0.0/24", "closed")
        try await daemon.serve(kind, "mover")
        try await daemon.succeed("network", "connect", "closed", "mover")
        try await daemon.succeed("network", "connect", "--ip", "10.60.0.9", "second", "mover")
        try await daemon.succeed("network", "disconnect", "bridge", "mover")
        #expect(
            try await daemon.output(in: "mover", "ip", "route", "show", "default").contains("via 10.60.0.1 dev eth2"))
        #expect(try await daemon.fetchOnHost("10.60.0.9") == "mover")
        try await daemon.succeed("network", "connect", "bridge", "mover")
        #expect(try await daemon.fetchOnHost(try await daemon.address(of: "mover")) == "mover")
        #expect(try await hosts().count == 3)
        // What it has at the next start is what it had at the end.
        try await daemon.succeed("restart", "-t", "0", "mover")
        #expect(try await hosts().count == 3)
        #expect(try await daemon.fetchOnHost("10.60.0.9") == "mover")
        try await daemon.removeWorkloads("mover")
        try await daemon.succeed("network", "rm", "second", "closed")
    }

    @Test func aMachineWithoutAFreePortSaysSo() async throws {
        for name in ["n1", "n2", "n3"] { try await daemon.succeed("network", "create", name) }
        try await daemon.serve(.vm, "full")
        for name in ["n1", "n2"] { try await daemon.succeed("network", "connect", name, "full") }
        let refused = try await daemon.tandem("network", "connect", "n3", "full")
        #expect(
            refused.status == 1 && refused.errors.contains("no room for a further network card"), "\(refused.errors)")
        #expect(try await daemon.address(of: "full", on: "n3") == "")
        try await daemon.succeed("network", "disconnect", "n1", "full")
        try await daemon.succeed("network", "connect", "n3", "full")
        try await daemon.removeWorkloads("full")
        try await daemon.succeed("network", "rm", "n1", "n2", "n3")
    }

    @Test func whatAPausedWorkloadCannotDoIsRefused() async throws {
        try await daemon.succeed("network", "create", "late")
        try await daemon.serve(.vm, "still")
        try await daemon.succeed("pause", "still")
        let refused = try await daemon.tandem("network", "connect", "late", "still")
        #expect(refused.status == 1 && refused.errors.contains("cannot change while it is paused"), "\(refused.errors)")
        try await daemon.succeed("unpause", "still")
        try await daemon.removeWorkloads("still")
        try await daemon.succeed("network", "rm", "late")
    }

    /// The addresses in the file of a workload's own names.
    private func hosts() async throws -> [String] {
        let hostname = try await daemon.output(in: "mover", "hostname")
        return try await daemon.output(in: "mover", "cat", "/etc/hosts").split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            return words.last == hostname ? words.first : nil
        }
    }
}
