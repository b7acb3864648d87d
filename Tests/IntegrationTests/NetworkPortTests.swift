// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Ports of the host at addresses of IPv6, and of other transports than TCP.
@Suite(.daemon, .serialized)
struct NetworkPortTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func fetch(_ place: String) async throws -> String {
        let script = """
            import sys, time, urllib.request
            for attempt in range(50):
                try:
                    print(urllib.request.urlopen("http://%s/" % sys.argv[1], timeout=2).read().decode())
                    break
                except OSError:
                    time.sleep(0.1)
            """
        return try await daemon.onHost("/usr/bin/python3", "-c", script, place).trimmed
    }

    @Test(arguments: Kind.allCases)
    func aPortIsReachedByBothFamilies(kind: Kind) async throws {
        try await daemon.succeed("network", "create", "--ipv6", "--subnet", "fd15::/64", "six")
        try await daemon.serve(
            kind, "web", ["--network", "six", "-p", "8070:80", "-p", "[fd15::1]:8071:80", "-p", "127.0.0.1:8072:80"])
        let ports = Set(try await daemon.tandem("port", "web", "80").lines)
        #expect(ports == ["0.0.0.0:8070", "[::]:8070", "[fd15::1]:8071", "127.0.0.1:8072"])
        for place in ["127.0.0.1:8070", "[fd15::1]:8070", "[fd15::1]:8071", "127.0.0.1:8072"] {
            #expect(try await fetch(place) == "web", "\(place)")
        }
        // From another network, by an address of the host's that is of neither.
        let added = try await daemon.onHost("/usr/sbin/ip", "addr", "replace", "fd99::1/128", "dev", "lo")
        #expect(added.status == 0, "\(added.errors)")
        try await daemon.succeed("network", "create", "--ipv6", "--subnet", "fd16::/64", "beside")
        try await daemon.serve(.container, "other", ["--network", "beside"])
        #expect(try await daemon.fetch("[fd99::1]:8070", from: "other") == "web")
        #expect(try await daemon.isCutOff("[fd99::1]:8071", from: "other"), "a port of another address")
        let own = try await daemon.address(of: "web", on: "six", key: "GlobalIPv6Address")
        #expect(own.hasPrefix("fd15::"))
        #expect(try await daemon.isCutOff("[\(own)]", from: "other"), "only what is published")
        // At ::1 nobody listens, so that programs take 127.0.0.1 at once.
        let refused = try await daemon.onHost(
            "/usr/bin/python3", "-c", "import socket; socket.create_connection(('::1', 8070), 5)")
        #expect(refused.errors.contains("ConnectionRefusedError"), "\(refused.errors)")
        let taken = try await daemon.tandem(
            "run", "--rm", "--network", "beside", "-p", "[fd15::1]:8070:80", "busybox", "true")
        #expect(taken.errors.contains("Bind for [fd15::1]:8070 failed: port is already allocated"), "\(taken.errors)")
        try await daemon.removeWorkloads("web", "other")
        try await daemon.succeed("network", "rm", "six", "beside")
    }

    @Test func whatCannotBePassedOnIsRefused() async throws {
        let loopback = try await daemon.tandem("run", "--rm", "-p", "[::1]:8073:80", "busybox", "true")
        #expect(loopback.status == 125 && loopback.errors.contains("[::1]"), "\(loopback.errors)")
        let family = try await daemon.tandem("run", "--rm", "-p", "[fd15::1]:8073:80", "busybox", "true")
        #expect(
            family.status == 125 && family.errors.contains("fd15::1 is of IPv6, which the workload does not have"),
            "\(family.errors)")
    }

    /// A kernel may lack SCTP; then that is said, and nothing starts.
    @Test func sctpWorksOrIsRefused() async throws {
        let probe = try await daemon.onHost(
            "/usr/bin/python3", "-c", "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)")
        let started = try await daemon.tandem(
            "run", "-d", "--name", "stream", "-p", "8074:80/sctp", "busybox", "sleep", "1000")
        if probe.status == 0 {
            #expect(started.status == 0, "\(started.errors)")
            #expect(try await daemon.tandem("port", "stream").trimmed == "80/sctp -> 0.0.0.0:8074")
        } else {
            #expect(started.status == 125)
            #expect(started.errors.contains("Bind for 0.0.0.0:8074 failed: sctp: "), "\(started.errors)")
            #expect(started.errors.contains("The host's kernel has no SCTP"))
            #expect(try await daemon.tandem("inspect", "-f", "{{.State.Status}}", "stream").trimmed == "created")
        }
        try await daemon.removeWorkloads("stream")
    }

    @Test(arguments: Kind.allCases)
    func datagramsArePassedOn(kind: Kind) async throws {
        try await ServerImage.make(on: daemon)
        let server = [
            "/usr/sbin/dnsmasq", "-k", "--conf-file=/dev/null", "--port=9000", "--user=root", "--no-resolv",
            "--no-hosts",
            "--address=/question/192.0.2.9",
        ]
        let started = try await daemon.tandem(
            ["run", "-d", "--name", "grams"] + kind.flags + ["-p", "9001:9000/udp", ServerImage.name] + server)
        #expect(started.status == 0, "\(started.errors)")
        // A question of DNS by hand, for a port that is not the usual one.
        let script = """
            import socket, sys
            question = bytes.fromhex("000101000001000000000000087175657374696f6e0000010001")
            ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ask.settimeout(0.3)
            for attempt in range(50):
                try:
                    ask.sendto(question, (sys.argv[1], int(sys.argv[2])))
                    print(socket.inet_ntoa(ask.recv(100)[-4:]))
                    break
                except OSError:
                    pass
            """
        let inside = try await daemon.address(of: "grams")
        for (address, port) in [("127.0.0.1", "9001"), ("172.17.0.1", "9001"), (inside, "9000")] {
            let answer = try await daemon.onHost("/usr/bin/python3", "-c", script, address, port)
            #expect(answer.trimmed == "192.0.2.9", "\(address): \(answer.errors)")
        }
        try await daemon.removeWorkloads("grams")
    }
}
