// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `ps` and its filters, as dockerd and docker have them.
@Suite(.daemon, .serialized)
struct ListTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// Filters, whether those that do not run are asked for, and the names of those listed, newest first.
    private static let cases: [([String], Bool, String)] = [
        ([], false, "list-1"), ([], true, "list-3 list-2 list-1"), (["network=bridge"], true, "list-3 list-2 list-1"),
        (["network=web"], true, ""), (["exited=1"], false, ""), (["exited=1"], true, "list-3"),
        (["exited=0"], true, ""), (["volume=/x"], true, "list-1"), (["volume=list-data"], true, "list-1"),
        (["volume=/y"], true, ""), (["label=a=b"], true, "list-1"), (["label=a"], true, "list-2 list-1"),
        (["label=a=c", "label=z"], true, "list-2"), (["label=a=b", "label=z"], true, ""),
        (["name=^/?list-[12]$"], true, "list-2 list-1"), (["name=/list-1"], true, "list-1"),
        (["name=^1"], true, ""), (["name=["], true, ""), (["name=3", "name=1"], true, "list-3 list-1"),
        (["is-task=true"], true, ""), (["is-task=false"], false, "list-1"), (["id=zz"], true, ""),
        (["ancestor=busybox"], true, "list-3 list-2 list-1"), (["ancestor=nosuch"], true, ""),
        (["before=list-2"], true, "list-1"), (["since=list-1"], true, "list-3 list-2"), (["since=list-1"], false, ""),
        (["since=list-1", "status=created"], false, "list-2"), (["status=exited"], false, "list-3"),
        (["status=running", "status=created"], false, "list-2 list-1"), (["exited=1", "status=running"], true, ""),
        (["health=none"], false, "list-1"), (["health=healthy"], true, ""), (["expose=80"], true, ""),
        (["publish=80-90/udp"], true, ""), (["isolation=default"], false, "list-1"), (["runtime=vm"], true, "list-2"),
    ]

    @Test func filtersAreDockerds() async throws {
        try await daemon.tandem(
            "run", "-d", "--name", "list-1", "-l", "a=b", "-v", "list-data:/x", "busybox", "sleep", "1000")
        try await daemon.tandem(
            "create", "--vm", "--name", "list-2", "-l", "a=c", "-l", "z", "busybox", "echo", "a b", "\"c\"")
        try await daemon.tandem("run", "--name", "list-3", "busybox", "false")
        for (filters, all, names) in Self.cases {
            let flags = (all ? ["-a"] : []) + filters.flatMap { ["--filter", $0] }
            let listed = try await daemon.tandem(["ps", "--format", "{{.Names}}"] + flags)
            #expect(listed.lines.joined(separator: " ") == names, "\(flags): \(listed.errors)")
        }
        let id = try await daemon.tandem("inspect", "-f", "{{.Id}}", "list-2").trimmed
        #expect(try await daemon.tandem("ps", "-aq", "--no-trunc", "-f", "id=\(id.prefix(7))").trimmed == id)
        #expect(try await daemon.tandem("ps", "-n", "2", "--format", "{{.Names}}").lines == ["list-3", "list-2"])
        #expect(try await daemon.tandem("ps", "-l", "--format", "{{.Names}}").lines == ["list-3"])
        for (filter, words) in [
            ("nosuch=1", "invalid filter 'nosuch'"), ("before=nosuch", "No such container: nosuch"),
        ] {
            #expect(try await daemon.tandem("ps", "-f", filter).errors.contains(words))
        }
        try await compareWithDockersClient()
        try await daemon.tandem("rm", "-f", "list-1", "list-2", "list-3")
        try await daemon.tandem("volume", "rm", "list-data")
    }

    /// Both clients show the same of the same.
    private func compareWithDockersClient() async throws {
        let fields = [
            "ID", "Image", "Command", "CreatedAt", "State", "Names", "Labels", "Mounts", "LocalVolumes",
            "Ports",
        ].map { "{{.\($0)}}" }.joined(separator: "|")
        for flags in [
            ["--format", fields], ["--no-trunc", "--format", fields],
            ["--format", #"table {{.ID}}\t{{.Names}}\t{{.Label "a"}}\t{{.State}}"#],
            ["-s", "--format", "{{.Size}}"],
        ] {
            let ours = try await daemon.tandem(["ps", "-a"] + flags)
            let theirs = try await Program("docker", ["ps", "-a"] + flags).run(
                environment: ["DOCKER_HOST": daemon.endpoint])
            #expect(theirs.status == 0, "\(theirs.errors)")
            #expect(
                ours.lines.map(Self.withoutTrailingSpace) == theirs.lines.map(Self.withoutTrailingSpace), "\(flags)")
        }
    }

    private static func withoutTrailingSpace(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}
