// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Volumes as Docker's, for both kinds.
@Suite(.daemon, .serialized)
struct VolumeTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// An image with content where volumes are mounted, and with a volume of its own.
    private func importImage() async throws {
        if try await daemon.tandem("images", "-q", "seed").output != "" { return }
        let scratch = try ScratchFolder(prefix: "seed")
        defer { scratch.remove() }
        let made = try await Program(
            "sh",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir -p bin data/inner own etc; cp /bin/busybox bin/; ln -s busybox bin/sh
                echo seed > data/file; ln data/file data/inner/same; ln -s /etc/passwd data/link
                chown -R 33:34 data; chmod 2750 data; echo host > etc/passwd; ln -s ../../../../../etc out; echo o > own/o
                tar -cf ../$(basename \(scratch.path)).tar .; mv ../$(basename \(scratch.path)).tar image.tar
                """,
            ]
        ).run()
        #expect(made.status == 0, "\(made.errors)")
        let imported = try await daemon.tandem(
            "image", "import", "--change", "VOLUME /own", "--change", "CMD [\"sh\"]", scratch.path + "/image.tar",
            "seed")
        #expect(imported.status == 0, "\(imported.errors)")
    }

    private func folder(_ volume: String) async throws -> String {
        try await daemon.tandem("volume", "inspect", "-f", "{{.Mountpoint}}", volume).trimmed
    }

    private func isMounted(_ folder: String) throws -> Bool {
        try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).contains(" \(folder) ")
    }

    @Test(arguments: Kind.allCases)
    func anEmptyVolumeIsFilledWhenTheWorkloadIsCreated(kind: Kind) async throws {
        try await importImage()
        let names = ["filled", "bare", "long", "linked"].map { "\($0)-\(kind)" }
        let created = try await daemon.tandem(
            ["create"] + kind.flags + ["--name", "seeded-\(kind)", "-v", "\(names[0]):/data"]
                + ["-v", "\(names[1]):/data/inner:nocopy", "--mount", "source=\(names[2]),target=/data/inner/none"]
                + ["--mount", "type=volume,source=\(names[3]),target=/out", "seed"])
        #expect(created.status == 0, "\(created.errors)")
        let filled = try await folder(names[0])
        let look = try await Program(
            "sh", ["-c", "cd \(filled); stat -c '%n %u:%g %a %h' . file inner/same; readlink link; cat file"]
        ).run()
        #expect(look.lines == [". 33:34 2750 3", "file 33:34 644 2", "inner/same 33:34 644 2", "/etc/passwd", "seed"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: await folder(names[1])).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: await folder(names[2])).isEmpty)
        // A link that climbs out of the image leads to the image's own folder.
        let linked = try String(contentsOfFile: await folder(names[3]) + "/passwd", encoding: .utf8)
        #expect(linked == "host\n")
        // The image's own volume is anonymous, filled, and goes with the workload.
        let anonymous = try await daemon.tandem("volume", "ls", "-q", "--filter", "label=com.docker.volume.anonymous")
        #expect(anonymous.lines.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: await folder(anonymous.trimmed)) == ["o"])
        try FileManager.default.removeItem(atPath: filled + "/file")
        let second = try await daemon.tandem(
            ["create"] + kind.flags + ["--name", "second-\(kind)", "-v", "\(names[0]):/data", "seed"])
        #expect(second.status == 0, "\(second.errors)")
        #expect(!FileManager.default.fileExists(atPath: filled + "/file"))
        #expect(try await daemon.tandem("rm", "-v", "seeded-\(kind)", "second-\(kind)").status == 0)
        try await eventually {
            try await daemon.tandem("volume", "ls", "-q", "-f", "label=com.docker.volume.anonymous").output == ""
        }
        #expect(try await daemon.tandem(["volume", "rm"] + names).status == 0)
    }

    @Test(arguments: Kind.allCases)
    func aVolumeOverAFileIsRefusedAndLeavesNothing(kind: Kind) async throws {
        let result = try await daemon.tandem(
            ["create"] + kind.flags + ["-v", "over-a-file:/etc/passwd", "busybox"])
        #expect(result.status == 125)
        #expect(result.errors.contains("cannot mount volume over existing file, file exists /etc/passwd"))
        #expect(try await daemon.tandem("volume", "ls", "-q").output == "")
        #expect(try await daemon.tandem("ps", "-aq").output == "")
    }

    @Test func aContainerAndAVMWriteTheSameVolumeAtOnce() async throws {
        // Renamed, since a file that is there may still be empty.
        let script = """
            echo $0 > /data/.$0; mv /data/.$0 /data/$0; until [ -e /data/$1 ]; do sleep 0.1; done
            cat /data/$1; echo bye >> /data/$1
            """
        try await daemon.tandem(
            "run", "-d", "--name", "both-c", "-v", "both:/data", "busybox", "sh", "-c", script, "container", "vm")
        let machine = try await daemon.tandem(
            "run", "--vm", "--rm", "-v", "both:/data", "busybox", "sh", "-c", script, "vm", "container")
        #expect(machine.output == "container\n", "\(machine.errors)")
        #expect(try await daemon.tandem("wait", "both-c").trimmed == "0")
        #expect(try await daemon.tandem("logs", "both-c").output == "vm\n")
        let folder = try await folder("both")
        for name in ["container", "vm"] {
            #expect(try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) == "\(name)\nbye\n")
        }
        #expect(try await daemon.tandem("rm", "both-c").status == 0)
        #expect(try await daemon.tandem("volume", "rm", "both").status == 0)
    }

    @Test(arguments: Kind.allCases)
    func aVolumeWithOptionsIsMountedWhileItIsUsed(kind: Kind) async throws {
        let (volume, name) = ("scratch-\(kind)", "uses-\(kind)")
        let started = try await daemon.tandem(
            ["run"] + kind.flags + [
                "-d", "--name", name, "--mount",
                "source=\(volume),target=/s,volume-opt=type=tmpfs,volume-opt=device=tmpfs,\"volume-opt=o=size=2m,mode=0701\"",
                "busybox", "sleep", "1000",
            ])
        #expect(started.status == 0, "\(started.errors)")
        let folder = try await folder(volume)
        #expect(try isMounted(folder))
        let size = try await daemon.tandem("exec", name, "sh", "-c", "echo x > /s/x; df -k /s | tail -1")
        #expect(size.output.contains(" 2048 "), "\(size.output)\(size.errors)")
        #expect(FileManager.default.fileExists(atPath: folder + "/x"))
        // A crash of the daemon changes nothing for the workload, and the next daemon knows who uses the volume.
        await daemon.kill()
        try await daemon.start()
        #expect(try isMounted(folder))
        #expect(try await daemon.tandem("exec", name, "cat", "/s/x").output == "x\n")
        try await daemon.tandem("kill", name)
        try await eventually { try !isMounted(folder) }
        // Whoever ends while no daemon looks is cleaned up after by the next one.
        if kind == .container {
            let again = try await daemon.tandem("start", name)
            #expect(again.status == 0, "\(again.errors)")
            let process = try await daemon.tandem("inspect", "-f", "{{.State.Pid}}", name).trimmed
            await daemon.kill()
            #expect(try await Program("kill", ["-9", process]).run().status == 0)
            #expect(try isMounted(folder))
            try await daemon.start()
            #expect(try !isMounted(folder))
        }
        #expect(try await daemon.tandem("rm", name).status == 0)
        #expect(try await daemon.tandem("volume", "rm", volume).status == 0)
    }

    @Test func aVolumeThatCannotBeMountedStopsTheStartWithASentence() async throws {
        let made = try await daemon.tandem(
            "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/no/such/folder", "broken")
        #expect(made.status == 0, "\(made.errors)")
        let result = try await daemon.tandem("run", "--rm", "-v", "broken:/data", "busybox", "true")
        #expect(result.status == 125)
        #expect(result.errors.contains("failed to mount local volume: '/no/such/folder'"), "\(result.errors)")
        #expect(result.errors.contains("volume inspect"))
        #expect(try await daemon.tandem("ps", "-aq").output == "")
        #expect(try await daemon.tandem("volume", "rm", "broken").status == 0)
    }

    @Test func volumesAreListedFilteredAndCleanedUpAsDockers() async throws {
        try await daemon.tandem("volume", "create", "--label", "tier=web", "listed")
        let anonymous = try await daemon.tandem("volume", "create").trimmed
        let used = try await daemon.tandem("create", "--name", "user", "-v", "used:/data", "busybox").trimmed
        let list = { (filter: String) in try await daemon.tandem("volume", "ls", "-q", "-f", filter).lines }
        #expect(try await list("label=tier=web") == ["listed"])
        #expect(try await list("name=^us") == ["used"])
        #expect(try await list("dangling=false") == ["used"])
        #expect(try await Set(list("dangling=true")) == ["listed", anonymous])
        #expect(try await list("driver=other") == [])
        let refused = try await daemon.tandem("volume", "rm", "used")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("remove used: volume is in use - [\(used)]"), "\(refused.errors)")
        let show = { (field: String) in
            try await daemon.tandem("volume", "inspect", "-f", "{{\(field)}}", "listed").trimmed
        }
        #expect(try await show("json .Labels") == #"{"tier":"web"}"#)
        #expect(try await show("json .Options") == "null")
        #expect(try await show(".Driver") == "local")
        #expect(try await show(".Scope") == "local")
        #expect(try await show(".Mountpoint") == daemon.folder.path + "/data/volumes/listed/_data")
        let time = try await show(".CreatedAt")
        #expect(time.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#) != nil, "\(time)")
        let few = try await daemon.tandem("volume", "prune", "-f", "--filter", "label!=tier")
        #expect(few.lines.first == anonymous)
        #expect(try await daemon.tandem("volume", "ls", "-q").lines == ["listed", "used"])
        #expect(try await daemon.tandem("volume", "prune", "-a", "-f").lines.first == "listed")
        #expect(try await daemon.tandem("volume", "ls", "-q").lines == ["used"])
        #expect(try await daemon.tandem("rm", "user").status == 0)
        #expect(try await daemon.tandem("volume", "rm", "used").status == 0)
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<150 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("it never came true")
    }
}
