// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Images that are built, with commands in containers and in VMs.
@Suite(.daemon, .serialized)
struct BuildTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func context(_ files: [String: String]) throws -> ScratchFolder {
        let scratch = try ScratchFolder(prefix: "context")
        for (name, text) in files {
            let url = scratch.url(name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        return scratch
    }

    /// Builds a Dockerfile in a context of some files.
    private func build(
        _ dockerfile: String, _ files: [String: String] = [:], _ arguments: [String] = []
    ) async throws -> Program.Result {
        let scratch = try context(files.merging(["Dockerfile": dockerfile]) { $1 })
        defer { scratch.remove() }
        return try await daemon.tandem(["build"] + arguments + [scratch.path])
    }

    private static let whole = """
        # escape=\\
        ARG BASE=nosuch
        FROM ${BASE} AS one
        ARG WHO=world
        ENV A=1 B="two words" C=${A:-none}
        LABEL x=y "k v"="1 2"
        RUN echo hello $WHO $A > /hello && echo out && echo err >&2
        WORKDIR /w
        WORKDIR x
        COPY a.txt sub ./
        COPY --chown=nobody:1 --chmod=600 a*.txt /w/owned/
        ADD archive.tar.gz /un/
        COPY . /all/
        COPY <<END /document
        $A and \\$A
        END
        USER 1:1
        EXPOSE 80 53/udp
        VOLUME /vol
        STOPSIGNAL TERM
        HEALTHCHECK --interval=5s CMD true
        ENTRYPOINT ["/bin/echo"]
        CMD ["hi", "there"]

        FROM busybox
        COPY --from=one /hello /w /h/
        COPY --from=0 /un/arch/in /document /
        RUN <<END
        cat /in
        id -u > /id
        END
        SHELL ["/bin/sh", "-ec"]
        CMD cat /h/hello /id
        ONBUILD RUN echo triggered > /triggered
        MAINTAINER somebody
        """

    @Test func aBuildMakesTheDefaultImage() async throws {
        try await daemon.tandem("rmi", "-f", "busybox")
        let built = try await daemon.tandem(["build", "-t", "on-default", "-"], input: Data("FROM busybox\n".utf8))
        #expect(built.status == 0, "\(built.errors)")
        #expect(try await daemon.tandem("run", "--rm", "on-default", "echo", "runs").output == "runs\n")
        #expect(try await daemon.tandem("rmi", "on-default").status == 0)
    }

    @Test(arguments: Kind.allCases)
    func everyInstruction(kind: Kind) async throws {
        let scratch = try context([
            "Dockerfile": Self.whole, "a.txt": "hello\n", "sub/b.txt": "sub\n", "x.log": "no", "arch/in": "in\n",
            ".dockerignore": "*.log\n",
        ])
        defer { scratch.remove() }
        let packed = try await Program(
            "sh", ["-ec", "cd \(scratch.path); tar -czf archive.tar.gz arch; ln -s ../a.txt sub/link"]
        ).run()
        #expect(packed.status == 0)
        let flags = kind.flags + ["--no-cache", "--build-arg", "WHO=you", "--build-arg", "BASE=busybox"]
        let built = try await daemon.tandem(
            ["build", "-t", "whole:\(kind)", "--label", "l=1", "--build-arg", "UNKNOWN"] + flags + [scratch.path])
        #expect(built.status == 0, "\(built.errors)\n\(built.output)")
        #expect(built.output.contains("Step 3/29 : ARG WHO=world\n") && built.output.contains("\nout\n"))
        #expect(built.output.contains("[Warning] One or more build-args [UNKNOWN] were not consumed"))
        #expect(try await daemon.tandem("run", "--rm", "whole:\(kind)").lines == ["hello you 1", "0"])
        let format = "{{json .Config.Cmd}} {{.Config.OnBuild}} {{.Author}} {{.Config.Labels}}"
        #expect(
            try await daemon.tandem("image", "inspect", "-f", format, "whole:\(kind)").trimmed
                == #"["/bin/sh","-ec","cat /h/hello /id"] [RUN echo triggered > /triggered] somebody map[l:1]"#)
        let first = try await daemon.tandem(
            ["build", "-q", "-t", "one:\(kind)", "--target", "one"] + flags + [scratch.path])
        #expect(first.status == 0 && first.trimmed.hasPrefix("sha256:"), "\(first.errors)")
        let files = try await daemon.tandem(
            "run", "--rm", "--entrypoint", "sh", "-u", "0", "one:\(kind)", "-c",
            "stat -c '%n %u:%g %a' /w/owned/a.txt /w/x/b.txt /w/x; readlink /w/x/link; cat /document; ls -A /all; cat /un/arch/in"
        )
        #expect(
            files.lines == [
                "/w/owned/a.txt 65534:1 600", "/w/x/b.txt 0:0 644", "/w/x 0:0 755", "../a.txt", "1 and $A",
                ".dockerignore",
                "Dockerfile", "a.txt", "arch", "archive.tar.gz", "sub", "in",
            ], "\(files.output)\(files.errors)")
        #expect(
            try await build("FROM whole:\(kind)\nRUN cat /triggered", [:], kind.flags).output.contains("\ntriggered\n"))
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
    }

    @Test func aChangedStepIsBuiltAgainWithWhatFollows() async throws {
        let file = "FROM busybox\nRUN echo one > /one\nCOPY a /\nRUN cat /a > /two\nENV X=1\n"
        let flags = ["-t", "cached:1"]
        #expect(try await !build(file, ["a": "1"], flags).output.contains("Using cache"))
        let cached = { (output: String) in output.split(separator: "\n").count { $0 == " ---> Using cache" } }
        #expect(cached(try await build(file, ["a": "1"], flags).output) == 4)
        #expect(cached(try await build(file, ["a": "2"], flags).output) == 1)
        #expect(try await daemon.tandem("run", "--rm", "cached:1", "cat", "/two").output == "2")
        // Files beside what is copied, and times, say nothing.
        #expect(cached(try await build(file, ["a": "2", "b": "3"], flags).output) == 4)
        #expect(cached(try await build(file.replacing("X=1", with: "X=2"), ["a": "2"], flags).output) == 3)
        await daemon.kill()
        try await daemon.start()
        #expect(cached(try await build(file, ["a": "2"], flags).output) == 4)
        #expect(cached(try await build(file, ["a": "2"], flags + ["--no-cache"]).output) == 0)
        // Arguments count where they are declared, and from another image only what it has.
        let argument = "FROM busybox\nARG V\nRUN echo $V > /v\n"
        #expect(cached(try await build(argument, [:], ["--build-arg", "V=1"]).output) == 0)
        #expect(cached(try await build(argument, [:], ["--build-arg", "V=2"]).output) == 1)
        #expect(cached(try await build(argument, [:], ["--build-arg", "V=1"]).output) == 2)
        #expect(cached(try await build(file, ["a": "2"], ["--cache-from", "cached:1"]).output) == 4)
        #expect(cached(try await build(argument, [:], ["--build-arg", "V=1", "--cache-from", "cached:1"]).output) == 0)
    }

    @Test func theSameContextGivesTheSameImage() async throws {
        let file = "FROM busybox\nRUN echo a > /a; mkdir /d; touch /d/e\nCOPY x /x/y/z\nWORKDIR /new/folder\n"
        var ids: Set<String> = []
        for _ in 0..<2 {
            let built = try await build(
                file, ["x": "1"], ["-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1000"])
            #expect(built.status == 0, "\(built.errors)")
            ids.insert(built.trimmed)
            try await Task.sleep(for: .seconds(1.1))
        }
        #expect(ids.count == 1)
        let times = try await daemon.tandem(
            "run", "--rm", try #require(ids.first), "stat", "-c", "%Y", "/a", "/d/e", "/x/y/z", "/new/folder")
        #expect(times.lines == ["1000", "1000", "1000", "1000"])
    }

    @Test(
        arguments: [
            ("FROM busybox\nRUN exit 7", 7, "The command '/bin/sh -c exit 7' returned a non-zero code: 7"),
            ("FROM busybox\nFOO x", 1, "dockerfile parse error line 2: unknown instruction: FOO"),
            (
                "FROM busybox\nHEALTHCHECK FOO", 1,
                "dockerfile parse error line 2: Unknown type \"FOO\" in HEALTHCHECK (try CMD)"
            ),
            (
                "FROM busybox\nCOPY nosuch /", 1,
                "COPY failed: file not found in build context or excluded by .dockerignore: stat nosuch: file does not exist"
            ),
            ("FROM busybox\nCOPY ../x /", 1, "COPY failed: forbidden path outside the build context: ../x ()"),
            ("FROM busybox\nCOPY --from=3 x /", 1, "invalid from flag value 3: index out of bounds"),
            (
                "FROM busybox\nCOPY a* Dockerfile /x", 1,
                "When using COPY with more than one source file, the destination must be a directory and end with a /"
            ),
            ("FROM busybox\nCOPY --chown=nosuch a /x", 1, "can't find uid for user nosuch"),
            ("FROM busybox\nRUN --mount=type=cache true", 1, "the --mount option requires BuildKit"),
            ("FROM scratch", 1, "No image was generated"), ("", 1, "the Dockerfile (Dockerfile) cannot be empty"),
            ("FROM busybox\nEXPOSE nine", 1, "Invalid containerPort: nine"),
            ("FROM busybox\nSTOPSIGNAL FOO", 1, "Invalid signal: FOO"),
            ("FROM busybox\nWORKDIR ${X:?bad}", 1, "failed to process \"${X:?bad}\": X: bad"),
        ])
    func whatIsWrongIsSaid(dockerfile: String, code: Int32, message: String) async throws {
        let built = try await build(dockerfile, ["a": "1", "ab": "2"])
        #expect(built.status == code)
        #expect(built.errors.contains(message), "\(built.errors)")
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
    }

    /// Contexts and archives whose members point out of where they belong.
    @Test func nothingLeavesItsRoot() async throws {
        let scratch = try context(["Dockerfile": "FROM busybox\nCOPY link /copied\nCOPY folder/ /f/\nADD evil.tar /\n"])
        defer { scratch.remove() }
        let made = try await Program(
            "bash",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir folder; ln -s /etc/passwd folder/abs; ln -s ../../../../etc/passwd folder/up
                echo inside > inside; ln -s /inside link; mkdir e; ln -s /etc e/out; ln -s ../../../.. e/up
                python3 - <<'END'
                import io, tarfile
                t = tarfile.open("evil.tar", "w")
                for n, l in (("out", "/etc"), ("up", "../../../../tmp")):
                    i = tarfile.TarInfo(n); i.type = tarfile.SYMTYPE; i.linkname = l; t.addfile(i)
                for n in ("out/planted", "up/planted"):
                    i = tarfile.TarInfo(n); i.size = 1; t.addfile(i, io.BytesIO(b"x"))
                END
                """,
            ]
        ).run()
        #expect(made.status == 0, "\(made.errors)")
        let built = try await daemon.tandem("build", "-t", "rooted:1", scratch.path)
        #expect(built.status == 0, "\(built.errors)")
        let files = try await daemon.tandem(
            "run", "--rm", "rooted:1", "sh", "-c",
            "cat /copied; readlink /f/abs; readlink /f/up; ls /etc/planted /tmp/planted")
        #expect(
            files.lines == ["inside", "/etc/passwd", "../../../../etc/passwd", "/etc/planted", "/tmp/planted"],
            "\(files.errors)")
        #expect(!FileManager.default.fileExists(atPath: "/etc/planted"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/planted"))
    }

    private func wait(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<300 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test func whatIsGivenUpLeavesNothing() async throws {
        let scratch = try context(["Dockerfile": "FROM busybox\nRUN echo begun; sleep 1000\n"])
        defer { scratch.remove() }
        let given = try await Program(
            "timeout", ["-s", "INT", "2", Binaries.path("tandem"), "build", scratch.path]
        ).run(environment: ["TANDEM_HOST": daemon.endpoint])
        #expect(given.output.contains("begun"), "\(given.errors)")
        try await wait { try await daemon.tandem("ps", "-aq").output.isEmpty }
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
        async let second = daemon.tandem("build", scratch.path)
        try await wait { try await !daemon.tandem("ps", "-aq").output.isEmpty }
        await daemon.kill()
        #expect(try await second.status == 1)
        try await daemon.start()
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
        let staging = daemon.folder.path + "/data/images/staging"
        #expect(try FileManager.default.contentsOfDirectory(atPath: staging).isEmpty)
    }

    @Test(arguments: DockerSubject.clients)
    func dockerBuilds(client: String) async throws {
        let scratch = try context([
            "Dockerfile": "FROM busybox\nCOPY a /\nRUN ip link show eth0\nCMD [\"cat\", \"/a\"]\n", "a": "text\n",
        ])
        defer { scratch.remove() }
        for arguments in [[], ["--build-arg", "TANDEM_RUNTIME=vm", "--no-cache"]] as [[String]] {
            let built = try await Program(client, ["build", "-t", "docker:1"] + arguments + [scratch.path]).run(
                environment: [
                    "DOCKER_HOST": daemon.endpoint, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": daemon.folder.path,
                ])
            #expect(built.status == 0 && built.output.contains("Successfully tagged docker:1"), "\(built.errors)")
        }
        #expect(try await daemon.tandem("run", "--rm", "docker:1").trimmed == "text")
        let removed = try await daemon.tandem("rmi", "docker:1")
        #expect(removed.lines.count { $0.hasPrefix("Deleted: ") } >= 3, "\(removed.output)")
    }
}
