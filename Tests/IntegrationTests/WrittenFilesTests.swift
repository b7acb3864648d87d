// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What workloads have written: `diff`, `export` and sizes, the same for both kinds.
@Suite(.daemon, .serialized)
struct WrittenFilesTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private static let script = """
        echo new > /new; ln /new /same; ln -s /x /link; rm /etc/shadow; echo more >> /etc/group; mkdir -p /a/b
        cat /etc/passwd > /dev/null; touch /etc/hosts; rm -r /var; mkdir /var; echo z > /var/z; mv /home /moved
        chmod 711 /tmp; echo out > /data/volume; echo out > /mem/tmpfs; echo z > /$(printf 'long%.0s' $(seq 30))
        chown 3000000:7 /new; echo ready; exec sleep 1000
        """

    private static let changes: Set<String> = [
        "A /new", "A /same", "A /link", "D /etc/shadow", "C /etc/group", "C /etc", "A /a", "A /a/b", "C /var",
        "A /var/z",
        "D /var/spool", "A /moved", "D /home", "C /tmp", "A /data", "A /mem",
        "A /" + String(repeating: "long", count: 30),
    ]

    @Test(arguments: Kind.allCases)
    func areSeenWhileItRunsAndAfterwards(kind: Kind) async throws {
        let name = "written-\(kind)"
        let started = try await daemon.tandem(
            ["run", "-d", "--stop-timeout", "1", "--name", name] + kind.flags
                + ["-v", "data-\(kind):/data", "--tmpfs", "/mem", "busybox", "sh", "-c", Self.script])
        #expect(started.status == 0, "\(started.errors)")
        for _ in 0..<100 where try await daemon.tandem("logs", name).trimmed != "ready" {
            try await Task.sleep(for: .milliseconds(100))
        }
        let diff = try await daemon.tandem("diff", name)
        #expect(Set(diff.lines) == Self.changes, "\(diff.errors)")
        try await checkExport(name)
        let size = try await writtenSize(name)
        // new, link, group, var/z and the long name.
        #expect(size == 4 + 2 + 87 + 5 + 2 + 2)
        try await daemon.tandem("stop", name)
        #expect(try await writtenSize(name) == size)
        #expect(try await Set(daemon.tandem("diff", name).lines) == Self.changes)
        let usage = try await daemon.tandem("system", "df", "-v")
        #expect(usage.lines.contains { $0.hasPrefix("data-\(kind) ") && $0.hasSuffix(" 4B") }, "\(usage.output)")
        try await daemon.tandem("rm", "-v", name)
    }

    private func checkExport(_ name: String) async throws {
        let scratch = try ScratchFolder(prefix: "export")
        defer { scratch.remove() }
        let exported = try await daemon.tandem("export", "-o", scratch.path + "/root.tar", name)
        #expect(exported.status == 0, "\(exported.errors)")
        let unpacked = try await Program(
            "sh",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir root; tar -xpf root.tar -C root; cd root
                stat -c '%n %F %u:%g %a %h %s' new same tmp etc/hosts etc/mtab bin/sh
                readlink link; ls -A data mem proc dev; ls -d long*; test ! -e etc/shadow; test ! -e home
                """,
            ]
        ).run()
        #expect(unpacked.status == 0, "\(unpacked.errors)")
        let expected = [
            "new regular file 3000000:7 644 2 4", "same regular file 3000000:7 644 2 4", "tmp directory 0:0 711 2 40",
            "etc/hosts regular empty file 0:0 755 1 0", "/x", String(repeating: "long", count: 30),
        ]
        for line in expected where !line.hasPrefix("tmp") {
            #expect(unpacked.lines.contains(line), "\(unpacked.output)")
        }
        #expect(unpacked.lines.contains { $0.hasPrefix("tmp directory 0:0 711 ") })
        #expect(!unpacked.output.contains("volume") && !unpacked.output.contains("tmpfs"))
    }

    private func writtenSize(_ name: String) async throws -> Int {
        let row = try await daemon.tandem("ps", "-a", "-s", "--filter", "name=\(name)", "--format", "{{.Size}}").trimmed
        return try #require(Int(row.prefix { $0.isNumber }), "\(row)")
    }

    @Test func pruningTellsWhatItFrees() async throws {
        try await daemon.tandem("run", "--name", "old", "--label", "keep", "busybox", "true")
        try await daemon.tandem("run", "--name", "big", "busybox", "sh", "-c", "head -c 3000000 /dev/zero > /big")
        #expect(
            try await daemon.tandem("system", "df", "--format", "{{.Type}} {{.Size}}").lines.contains("Containers 3MB"))
        let pruned = try await daemon.tandem("container", "prune", "-f", "--filter", "label!=keep")
        #expect(pruned.lines.last == "Total reclaimed space: 3MB")
        #expect(try await daemon.tandem("ps", "-a", "--format", "{{.Names}}").lines == ["old"])
        #expect(try await daemon.tandem("container", "prune", "-f", "--filter", "until=1h").lines.count == 1)
        #expect(try await daemon.tandem("system", "prune", "-f", "--filter", "color=red").status == 1)
        #expect(try await daemon.tandem("system", "prune", "-f").lines.last == "Total reclaimed space: 0B")
        #expect(try await daemon.tandem("ps", "-aq").lines.isEmpty)
        #expect(try await daemon.tandem("run", "--rm", "busybox", "echo", "kept").trimmed == "kept")
    }
}
