// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Images that are made from what workloads have written; what one kind has made the other one runs.
@Suite(.daemon, .serialized)
struct CommitTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private static let script = """
        echo more >> /tagged; mkdir -p /a/b; echo hi > /a/b/file; chown 3000000:7 /a/b/file; chmod 4755 /a/b/file
        ln /a/b/file /a/hard; ln -s ../x /a/link; mknod /a/null c 1 3; mkfifo /a/pipe; mknod /a/disk b 7 99
        rm /etc/shadow; rm -r /var; mkdir /var; chmod 1771 /var; mv /home /moved; mv /lib/one /lib/two
        echo z > "/$(printf 'long%.0s' $(seq 30))"; chmod 700 /usr; touch -d @1000 /a/old; head -c 300000 /dev/zero > /big
        printf 'x\\n' > "/name with \\"quotes\\" and é"; chown 5:6 -h /a/link
        """

    /// Everything that a root file system is made of, but times of folders.
    private static let list = """
        find / -xdev ! -type d ! -path '/dev/*' ! -path '/etc/host*' ! -path /etc/resolv.conf ! -path /etc/mtab \
        ! -path /.dockerenv -exec stat -c '%n %F %u:%g %a %t:%T %h %Y %N' {} +
        find / -xdev -type d -exec stat -c '%n %F %u:%g %a' {} +
        find / -xdev -type f ! -path '/etc/*' -exec md5sum {} +
        """

    private func listing(_ arguments: [String]) async throws -> [String] {
        let result = try await daemon.tandem(arguments + ["sh", "-c", Self.list])
        #expect(result.status == 0, "\(result.errors)")
        return result.lines.filter { !$0.hasPrefix("/dev") && !$0.hasPrefix("/proc") && !$0.hasPrefix("/sys") }.sorted()
    }

    /// An image with a folder to be renamed, and with extended attributes.
    private func makeBase() async throws {
        let scratch = try ScratchFolder(prefix: "base")
        defer { scratch.remove() }
        let made = try await Program(
            "bash",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir -p root/bin root/home/one root/lib/one/deep root/etc root/var/old root/usr
                cp /bin/busybox root/bin/busybox; for name in sh find stat md5sum chown chmod mkdir ln mknod mkfifo rm mv \
                touch head seq sleep; do ln -s busybox root/bin/$name; done
                echo root:x:0:0::/:/bin/sh > root/etc/passwd; echo s > root/etc/shadow; echo d > root/lib/one/deep/file
                echo tag > root/tagged; tar --pax-option 'SCHILY.xattr.user.color:=red' -cf root.tar -C root .
                """,
            ]
        ).run()
        #expect(made.status == 0, "\(made.errors)")
        let imported = try await daemon.tandem("import", scratch.path + "/root.tar", "base:1")
        #expect(imported.status == 0, "\(imported.errors)")
    }

    @Test(arguments: Kind.allCases)
    func whatOneKindWritesTheOtherOneHas(kind: Kind) async throws {
        try await makeBase()
        let name = "writer-\(kind)"
        let other = Kind.allCases.first { $0 != kind } ?? kind
        let started = try await daemon.tandem(
            ["run", "-d", "--stop-timeout", "1", "--name", name] + kind.flags
                + ["-v", "/data", "base:1", "sh", "-c", Self.script + "\necho ready; exec sleep 1000"])
        #expect(started.status == 0, "\(started.errors)")
        for _ in 0..<300 {
            if try await daemon.tandem("logs", name).trimmed == "ready" { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        let written = try await listing(["exec", name])
        #expect(written.contains { $0.contains("/a/b/file regular file 3000000:7 4755 0:0 2") }, "\(written)")
        #expect(written.contains { $0.hasPrefix("/lib/two/deep/file ") })
        let running = try await daemon.tandem("commit", "-m", "while it runs", name, "both:\(kind)")
        #expect(running.status == 0 && running.trimmed.hasPrefix("sha256:"), "\(running.errors)")
        #expect(try await daemon.tandem("exec", name, "sh", "-c", "echo goes on").trimmed == "goes on")
        try await daemon.tandem("stop", name)
        let stopped = try await daemon.tandem("commit", "--pause=false", name, "stopped:\(kind)")
        #expect(stopped.status == 0, "\(stopped.errors)")
        #expect(try await listing(["run", "--rm", "both:\(kind)"]) == written)
        #expect(try await listing(["run", "--rm"] + other.flags + ["both:\(kind)"]) == written)
        #expect(try await listing(["run", "--rm", "stopped:\(kind)"]) == written)
        try await checkSaved("both:\(kind)")
        try await checkAttributes(of: "both:\(kind)", seenBy: other)
        try await daemon.tandem("rm", "-v", name)
        #expect(try await daemon.tandem("rmi", "both:\(kind)", "stopped:\(kind)", "base:1").status == 0)
    }

    /// A paused workload can be committed, and does not go on for that, nor after the daemon was killed.
    @Test(arguments: Kind.allCases)
    func aPausedWorkloadIsCommitted(kind: Kind) async throws {
        let name = "frozen-\(kind)"
        let loop = "i=0; while true; do i=$((i+1)); echo $i > /c; mv /c /count; done"
        #expect(
            try await daemon.tandem(["run", "-d", "--name", name] + kind.flags + ["busybox", "sh", "-c", loop]).status
                == 0)
        for _ in 0..<300 {
            if try await daemon.tandem("exec", name, "cat", "/count").status == 0 { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(try await daemon.tandem("pause", name).status == 0)
        var counts: Set<String> = []
        for round in 0..<3 {
            let made = try await daemon.tandem("commit", name, "frozen:\(kind)")
            #expect(made.status == 0, "\(made.errors)")
            counts.insert(try await daemon.tandem("run", "--rm", "frozen:\(kind)", "cat", "/count").trimmed)
            #expect(try await daemon.tandem("top", name).output.contains("while true"))
            if round == 1 {
                await daemon.kill()
                try await daemon.start()
            }
        }
        #expect(counts.count == 1, "it went on: \(counts)")
        #expect(try await daemon.tandem("inspect", "-f", "{{.State.Status}}", name).trimmed == "paused")
        #expect(try await daemon.tandem("unpause", name).status == 0)
        let count = try #require(counts.first)
        var later = count
        for _ in 0..<100 where later == count {
            later = try await daemon.tandem("exec", name, "cat", "/count").trimmed
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(later != count && Int(count) != nil, "\(count)")
        // What is frozen can be removed.
        #expect(try await daemon.tandem("pause", name).status == 0)
        #expect(try await daemon.tandem("rm", "-f", name).status == 0)
        try await daemon.tandem("rmi", "frozen:\(kind)")
    }

    @Test(arguments: Kind.allCases)
    func whatOneKindBuildsTheOtherOneRuns(kind: Kind) async throws {
        try await makeBase()
        let scratch = try ScratchFolder(prefix: "built")
        defer { scratch.remove() }
        let other = Kind.allCases.first { $0 != kind } ?? kind
        _ = try scratch.write("Dockerfile", "FROM base:1\nRUN <<END\n\(Self.script)\nEND\nCOPY Dockerfile /copied\n")
        let built = try await daemon.tandem(
            ["build", "-q", "--network", "none", "-t", "built:\(kind)"] + kind.flags + [scratch.path])
        #expect(built.status == 0, "\(built.errors)")
        let seen = try await listing(["run", "--rm", "--network", "none"] + kind.flags + ["built:\(kind)"])
        #expect(seen.contains { $0.contains("/a/b/file regular file 3000000:7 4755 0:0 2") }, "\(seen)")
        #expect(seen.contains { $0.hasPrefix("/copied regular file 0:0 ") })
        #expect(try await listing(["run", "--rm", "--network", "none"] + other.flags + ["built:\(kind)"]) == seen)
        try await checkAttributes(of: "built:\(kind)", seenBy: other)
        #expect(try await daemon.tandem("rmi", "built:\(kind)", "base:1").status == 0)
    }

    /// A file that a workload changes takes along the attributes that it has there.
    private func checkAttributes(of image: String, seenBy kind: Kind) async throws {
        let name = "attributes-\(kind)"
        let changed = try await daemon.tandem(
            ["run", "--name", name, "--network", "none"] + kind.flags + [image, "sh", "-c", "echo again >> /tagged"])
        #expect(changed.status == 0, "\(changed.errors)")
        #expect(try await daemon.tandem("commit", name, "again:1").status == 0)
        let scratch = try ScratchFolder(prefix: "saved")
        defer { scratch.remove() }
        #expect(try await daemon.tandem("save", "-o", scratch.path + "/i.tar", "again:1").status == 0)
        let script = """
            import json, sys, tarfile
            outer = tarfile.open(sys.argv[1])
            layers = json.load(outer.extractfile("manifest.json"))[0]["Layers"]
            top = tarfile.open(fileobj=outer.extractfile(layers[-1]))
            print(top.getmember("tagged").pax_headers.get("SCHILY.xattr.user.color"))
            """
        let found = try await Program("python3", ["-c", script, scratch.path + "/i.tar"]).run()
        #expect(found.trimmed == "red", "\(kind): \(found.output)\(found.errors)")
        try await daemon.tandem("rm", name)
        try await daemon.tandem("rmi", "again:1")
    }

    /// The layer is an archive of its own: attributes are in it, and what the engine makes is not.
    private func checkSaved(_ image: String) async throws {
        let scratch = try ScratchFolder(prefix: "saved")
        defer { scratch.remove() }
        #expect(try await daemon.tandem("save", "-o", scratch.path + "/i.tar", image).status == 0)
        let listed = try await Program(
            "bash",
            [
                "-ec",
                """
                cd \(scratch.path); tar -xf i.tar
                layer=$(python3 -c 'import json; print(json.load(open("manifest.json"))[0]["Layers"][-1])')
                tar -tf $layer; grep -a -o 'SCHILY.xattr.user.color=red' $layer | head -1
                """,
            ]
        ).run()
        #expect(listed.status == 0, "\(listed.errors)")
        let lines = Set(listed.lines)
        for line in [
            "SCHILY.xattr.user.color=red", "tagged", "etc/.wh.shadow", ".wh.home", "var/", "usr/", "moved/", "lib/two/",
        ] { #expect(lines.contains(line), "\(line): \(listed.output)") }
        for line in ["etc/hosts", "etc/hostname", ".dockerenv", "dev/", "proc/"] {
            #expect(!lines.contains(line), "\(line)")
        }
    }

    @Test(arguments: DockerSubject.clients)
    func dockerCommits(client: String) async throws {
        let subject = try #require(DockerSubject.all.first)
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments, client: client) }
        _ = try await docker(["create", "--name", "source", "-e", "A=1", "-l", "own=1", "busybox", "echo", "first"])
        let made = try await docker(
            [
                "commit", "-a", "Somebody", "-m", "a remark", "-c", "CMD [\"echo\", \"second\"]", "-c", "ENV B=2",
                "-c", "LABEL more=2", "-c", "EXPOSE 80", "-c", "WORKDIR /tmp", "-c", "ONBUILD RUN true", "source",
                "made:1",
            ])
        #expect(made.status == 0, "\(made.errors)")
        #expect(try await docker(["run", "--rm", "made:1"]).trimmed == "second")
        let format =
            "{{.Author}} {{.Comment}} {{.Config.Cmd}} {{.Config.WorkingDir}} {{.Config.OnBuild}} {{.Config.ExposedPorts}} {{.Config.Labels}}"
        #expect(
            try await docker(["image", "inspect", "-f", format, "made:1"]).trimmed
                == "Somebody a remark [echo second] /tmp [RUN true] map[80/tcp:{}] map[more:2 own:1]")
        let environment = try await docker(["image", "inspect", "-f", "{{.Config.Env}}", "made:1"]).trimmed
        #expect(environment.contains("A=1") && environment.contains("B=2") && environment.contains("PATH="))
        // Nothing was written: no layer came along.
        let history = try await docker(["history", "--format", "{{.CreatedBy}} {{.Size}} {{.Comment}}", "made:1"]).lines
        #expect(history.first == "echo first 0B a remark")
        for (change, message) in [
            ("FROM x", "FROM is not a valid change command"), ("RUN x", "RUN is not a valid change command"),
            ("SHELL [\"x\"]", "SHELL is not a valid change command"),
        ] {
            let refused = try await docker(["commit", "-c", change, "source"])
            #expect(refused.status == 1 && refused.errors.contains(message), "\(refused.errors)")
        }
        _ = try await docker(["rm", "source"])
        _ = try await docker(["rmi", "made:1"])
    }
}
