// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Images from the command line, as docker has them.
@Suite(.daemon, .serialized)
struct ImageTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// An image of one file.
    private func importImage(_ name: String, label: String = "") async throws {
        let scratch = try ScratchFolder(prefix: "image")
        defer { scratch.remove() }
        _ = try scratch.write("file", name)
        #expect(
            try await Program("tar", ["-cf", scratch.path + "/i.tar", "-C", scratch.path, "file"]).run().status == 0)
        var arguments = ["import", "-m", "made for a test", scratch.path + "/i.tar", name]
        if !label.isEmpty { arguments.insert(contentsOf: ["-c", "LABEL \(label)"], at: 1) }
        let made = try await daemon.tandem(arguments)
        #expect(made.status == 0, "\(made.errors)")
    }

    private func names(_ arguments: String...) async throws -> [String] {
        try await daemon.tandem(["images", "--format", "{{.Repository}}:{{.Tag}}"] + arguments).lines.sorted()
    }

    @Test func aSavedImageComesBackWithItsNames() async throws {
        try await importImage("saved:1")
        try await daemon.tandem("tag", "saved:1", "example.org/team/saved:2")
        let id = try await daemon.tandem("images", "-q", "--no-trunc", "saved").trimmed
        let scratch = try ScratchFolder(prefix: "saved")
        defer { scratch.remove() }
        let file = scratch.path + "/archive.tar"
        let saved = try await daemon.tandem("save", "-o", file, "saved:1", "example.org/team/saved", "busybox")
        #expect(saved.status == 0, "\(saved.errors)")
        #expect(try await daemon.tandem("rmi", "saved:1", "example.org/team/saved:2").lines.contains("Deleted: \(id)"))
        let loaded = try await daemon.tandem("load", "-i", file)
        #expect(
            Set(loaded.lines) == [
                "Loaded image: saved:1", "Loaded image: example.org/team/saved:2", "Loaded image: busybox:latest",
            ])
        #expect(try await daemon.tandem("image", "inspect", "-f", "{{.Id}}", "saved:1").trimmed == id)
        #expect(try await daemon.tandem("history", "--format", "{{.Comment}}", "saved:1").trimmed == "made for a test")
        #expect(try await daemon.tandem("run", "--rm", "busybox", "echo", "runs").trimmed == "runs")
        #expect(try await daemon.tandem("save", "-o", file, "nosuch").status == 1)
        try await daemon.tandem("rmi", "saved:1", "example.org/team/saved:2")
    }

    @Test func filtersNarrowTheList() async throws {
        try await importImage("older:1", label: "tier=web")
        try await Task.sleep(for: .milliseconds(20))
        try await importImage("team/newer:1", label: "tier=db")
        #expect(try await names("--filter", "since=older:1") == ["team/newer:1"])
        #expect(try await names("-f", "before=team/newer:1", "-f", "label=tier") == ["older:1"])
        #expect(try await names("-f", "label=tier=db") == ["team/newer:1"])
        #expect(try await names("-f", "reference=team/*") == ["team/newer:1"])
        #expect(try await names("-f", "reference=*er") == ["older:1"])
        #expect(try await names("older") == ["older:1"])
        #expect(try await names("-f", "until=1h").isEmpty)
        try await daemon.tandem("tag", "team/newer:1", "older:1")
        #expect(try await names("-f", "dangling=true") == ["<none>:<none>"])
        let wrong = try await daemon.tandem("images", "-f", "color=red")
        #expect(wrong.status == 1 && wrong.errors.contains("invalid filter 'color'"))
        #expect(try await daemon.tandem("image", "prune", "-f").lines.contains { $0.hasPrefix("deleted: sha256:") })
        #expect(try await names("-f", "dangling=true").isEmpty)
        #expect(try await daemon.tandem("builder", "prune", "-af").trimmed == "Total reclaimed space: 0B")
        #expect(try await daemon.tandem("image", "prune", "-af", "--filter", "label=tier=web").lines.count == 1)
        try await daemon.tandem("image", "prune", "-af", "--filter", "label=tier")
        #expect(try await names("-f", "label=tier").isEmpty)
        #expect(try await names("busybox") == ["busybox:latest"])
    }

    @Test func aWorkloadKeepsAnImageThatWasForcedAway() async throws {
        try await daemon.tandem("tag", "busybox", "kept:1")
        try await daemon.tandem("create", "--name", "keeper", "busybox", "echo", "still here")
        let refused = try await daemon.tandem("rmi", "busybox", "kept:1")
        #expect(refused.status == 1 && refused.errors.contains("(must force)"))
        #expect(try await daemon.tandem("rmi", "-f", "kept:1").status == 0)
        #expect(try await daemon.tandem("images", "-q").output.isEmpty)
        #expect(try await daemon.tandem("start", "-a", "keeper").trimmed == "still here")
        await daemon.kill()
        try await daemon.start()
        #expect(try await daemon.tandem("start", "-a", "keeper").trimmed == "still here")
        #expect(try await daemon.tandem("rm", "keeper").status == 0)
        #expect(try await daemon.tandem("image", "default").status == 0)
    }
}
