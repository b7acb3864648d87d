// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// HTTP of a real server, nginx, between containers, VMs and the host, in every direction.
@Suite(.daemon, .serialized)
struct NetworkTrafficTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func serve(_ kind: Kind, _ name: String, _ flags: [String]) async throws {
        let started = try await daemon.tandem(
            ["run", "-d", "--name", name, "--hostname", name] + kind.flags + flags + [ServerImage.name])
        #expect(started.status == 0, "\(started.errors)")
    }

    @Test func everybodyServesEverybody() async throws {
        try await ServerImage.make(on: daemon)
        try await daemon.succeed("network", "create", "--subnet", "10.70.0.0/24", "web")
        let servers: [(kind: Kind, name: String)] = [
            (.container, "first"), (.container, "second"), (.vm, "third"), (.vm, "fourth"),
        ]
        for (number, server) in servers.enumerated() {
            try await serve(server.kind, server.name, ["--network", "web", "-p", "\(8080 + number):80"])
        }
        for (number, server) in servers.enumerated() {
            let address = try await daemon.address(of: server.name, on: "web")
            #expect(try await daemon.fetchOnHost(address) == server.name)
            #expect(try await daemon.fetchOnHost("127.0.0.1:\(8080 + number)") == server.name)
            for client in servers where client.name != server.name {
                let way = "\(client.name) asks \(server.name)"
                #expect(try await daemon.fetch(server.name, from: client.name) == server.name, "\(way)")
                #expect(
                    try await daemon.fetch("10.70.0.1:\(8080 + number)", from: client.name) == server.name, "\(way)")
                let large = try await daemon.output(
                    in: client.name, "sh", "-c", "wget -q -O - http://\(server.name)/large | head -c 4000000 | wc -c")
                #expect(large == "3000000", "\(way) for more than a packet")
            }
        }
        try await daemon.removeWorkloads("first", "second", "third", "fourth")
        try await daemon.succeed("network", "rm", "web")
    }

    @Test func bothKindsReachAServerOfTheHost() async throws {
        try await ServerImage.make(on: daemon)
        for kind in Kind.allCases { try await serve(kind, "from-\(kind.rawValue)", []) }
        let folder = try ScratchFolder(prefix: "host")
        defer { folder.remove() }
        try Data().write(to: folder.url("stay"))
        try Data("host\n".utf8).write(to: folder.url("index.html"))
        let script = """
            busybox httpd -f -p 8000 -h "$0" & server=$!
            while [ -e "$0/stay" ]; do busybox sleep 0.1; done
            kill $server
            """
        async let server = daemon.onHost(["/bin/busybox", "sh", "-c", script, folder.path], deadline: 120)
        for kind in Kind.allCases {
            let answer = try await daemon.fetch("172.17.0.1:8000", from: "from-\(kind.rawValue)")
            #expect(answer == "host", "\(kind)")
        }
        try FileManager.default.removeItem(at: folder.url("stay"))
        _ = try await server
        try await daemon.removeWorkloads("from-container", "from-vm")
    }
}
