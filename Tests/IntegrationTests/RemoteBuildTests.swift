// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

/// Builds that take something from other machines: files, contexts and base images.
@Suite(.daemonOnHostNetwork, .serialized)
struct RemoteBuildTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// A server whose files can be changed.
    private final class Files: Sendable {
        struct File {
            var content: [UInt8]
            var type = "application/octet-stream"
            var headers: [String: String] = [:]
        }

        private let files: Mutex<[String: File]>

        init(_ files: [String: File]) { self.files = Mutex(files) }

        func put(_ path: String, _ file: File) { files.withLock { $0[path] = file } }

        func serve() throws -> HTTPResponder {
            try HTTPResponder { request, connection in
                guard let file = self.files.withLock({ $0[request.path] }) else {
                    return HTTPResponder.answer(connection, "404 Not Found", body: Array("no such file\n".utf8))
                }
                HTTPResponder.answer(
                    connection, headers: file.headers.merging(["Content-Type": file.type]) { $1 }, body: file.content)
            }
        }
    }

    private final class Ending: Sendable {
        private let state = Mutex(false)
        var hasEnded: Bool { state.withLock { $0 } }
        func end() { state.withLock { $0 = true } }
    }

    private func build(_ dockerfile: String, _ arguments: [String] = []) async throws -> Program.Result {
        try await daemon.tandem(["build"] + arguments + ["-"], input: Data(dockerfile.utf8))
    }

    private func run(_ image: String, _ script: String) async throws -> [String] {
        let result = try await daemon.tandem("run", "--rm", "--network", "none", image, "sh", "-c", script)
        #expect(result.status == 0, "\(result.errors)")
        return result.lines
    }

    private func cached(_ result: Program.Result) -> Int { result.lines.count { $0 == " ---> Using cache" } }

    @Test func filesAreAddedByTheirAddresses() async throws {
        let archive = ImageLayout.tar("inside", [65])
        let files = Files([
            "/d/file.txt": .init(
                content: Array("one".utf8), headers: ["Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"]),
            "/d/a.tar": .init(content: archive),
            "/d/": .init(content: [66], headers: ["Content-Disposition": "attachment; filename=\"named\""]),
            "/other/": .init(content: [67]),
        ])
        let server = try files.serve()
        defer { server.stop() }
        let base = "http://\(server.address)"
        let dockerfile = """
            FROM busybox
            ARG BASE
            ADD ${BASE}/d/file.txt ${BASE}/d/a.tar ${BASE}/d/ /in/
            ADD --chown=3:4 --chmod=755 ${BASE}/d/file.txt /whole
            ADD ${BASE}/other/ /unnamed
            """
        let flags = ["-t", "added:1", "--build-arg", "BASE=" + base]
        let built = try await build(dockerfile, flags)
        #expect(built.status == 0, "\(built.errors)")
        #expect(
            try await run(
                "added:1",
                "ls /in; stat -c '%n %a %u:%g %Y' /in/file.txt /in/a.tar /whole; cat /in/file.txt /whole /unnamed; wc -c < /in/a.tar"
            ) == [
                "a.tar", "file.txt", "named", "/in/file.txt 600 0:0 784111777", "/in/a.tar 600 0:0 0",
                "/whole 755 3:4 784111777", "oneoneC\(archive.count)",
            ])
        // The content decides, not the time.
        files.put("/d/file.txt", .init(content: Array("one".utf8)))
        #expect(cached(try await build(dockerfile, flags)) == 4)
        files.put("/d/file.txt", .init(content: Array("two".utf8)))
        #expect(cached(try await build(dockerfile, flags)) == 1)
        #expect(try await run("added:1", "cat /in/file.txt") == ["two"])
        for (line, message) in [
            (
                "ADD \(base)/nosuch /",
                "ADD failed: failed to GET \(base)/nosuch with status 404 Not Found: no such file"
            ),
            ("ADD \(base)/other/ /in/", "ADD failed: cannot determine filename for source \(base)/other/"),
            ("COPY \(base)/d/file.txt /", "COPY failed: source can't be a URL for COPY"),
            ("ADD --checksum=sha256:x \(base)/d/file.txt /", "invalid checksum digest format: sha256:x"),
            (
                "ADD --checksum=\(ImageLayout.digest([])) \(base)/d/file.txt /",
                "ADD failed: digest mismatch \(ImageLayout.digest(Array("two".utf8))): \(ImageLayout.digest([]))"
            ),
        ] {
            let failed = try await build("FROM busybox\n\(line)\n")
            #expect(failed.status == 1 && failed.errors.contains(message), "\(failed.errors)")
        }
        let right = "ADD --checksum=\(ImageLayout.digest(Array("two".utf8))) \(base)/d/file.txt /"
        #expect(try await build("FROM busybox\n\(right)\n").status == 0)
        try await daemon.tandem("rmi", "added:1")
    }

    /// A file that never ends is given up with the build.
    @Test func aBuildThatIsGivenUpFetchesNothingMore() async throws {
        let box = Ending()
        let server = try HTTPResponder { _, connection in
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
            guard LoopbackServer.send(Array(head.utf8), to: connection) else { return }
            while LoopbackServer.send([UInt8](repeating: 65, count: 100), to: connection) {
                Thread.sleep(forTimeInterval: 0.05)
            }
            box.end()
        }
        defer { server.stop() }
        let scratch = try ScratchFolder(prefix: "endless")
        defer { scratch.remove() }
        _ = try scratch.write("Dockerfile", "FROM busybox\nADD http://\(server.address)/endless /\n")
        let given = try await Program(
            "timeout", ["-s", "INT", "2", Binaries.path("tandem"), "build", scratch.path]
        ).run(environment: ["TANDEM_HOST": daemon.endpoint])
        #expect(given.output.contains("Step 2/2"), "\(given.errors)")
        for _ in 0..<100 where !box.hasEnded { try await Task.sleep(for: .milliseconds(50)) }
        #expect(box.hasEnded)
    }

    @Test func aCopiedFilesNameCounts() async throws {
        let scratch = try ScratchFolder(prefix: "names")
        defer { scratch.remove() }
        for name in ["a", "b"] {
            try Data("same".utf8).write(to: scratch.url(name))
            _ = try scratch.write("Dockerfile", "FROM busybox\nARG NAME=x\nCOPY \(name) /in/\n")
            #expect(try await daemon.tandem("build", "-t", "named:\(name)", scratch.path).status == 0)
            #expect(try await run("named:\(name)", "ls /in") == [name])
        }
        try await daemon.tandem("rmi", "named:a", "named:b")
    }

    @Test func contextsAreFetched() async throws {
        let scratch = try ScratchFolder(prefix: "remote")
        defer { scratch.remove() }
        let packed = try await Program(
            "sh",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir c c/sub; echo text > c/sub/file
                printf 'FROM busybox\\nCOPY sub/file /remote\\n' > c/Dockerfile.x
                tar -czf context.tar.gz -C c .
                git init -q -b main repository.git; cp -r c/* repository.git; cd repository.git; git add .
                git -c user.name=n -c user.email=e commit -q -m m; git tag v1; echo later > sub/file
                git -c user.name=n -c user.email=e commit -q -a -m m; git update-server-info
                mv .git/* .; rm -r .git
                """,
            ]
        ).run()
        #expect(packed.status == 0, "\(packed.errors)")
        let files = Files([
            "/context": .init(
                content: [UInt8](try Data(contentsOf: scratch.url("context.tar.gz"))), type: "application/x-gzip"),
            "/plain": .init(content: Array("FROM busybox\nENV A=remote\n".utf8), type: "text/plain; charset=utf-8"),
            "/untold": .init(content: Array("FROM busybox\nENV A=untold\n".utf8)),
            "/page": .init(content: Array("<html>".utf8), type: "text/html"), "/empty": .init(content: []),
        ])
        let server = try files.serve()
        defer { server.stop() }
        let base = "http://\(server.address)"
        let context = try await daemon.tandem("build", "-t", "remote:1", "-f", "Dockerfile.x", base + "/context")
        #expect(context.status == 0, "\(context.errors)")
        #expect(try await run("remote:1", "cat /remote") == ["text"])
        for name in ["plain", "untold"] {
            let built = try await daemon.tandem("build", "-t", "remote:1", base + "/" + name)
            #expect(built.status == 0, "\(built.errors)")
            #expect(try await run("remote:1", "echo $A") == [name == "plain" ? "remote" : name])
        }
        for (address, message) in [
            ("/page", "unsupported Content-Type \"text/html\""), ("/empty", "empty response"),
            (
                "/nosuch",
                "error downloading remote context \(base)/nosuch: failed to GET \(base)/nosuch with status 404"
            ),
        ] {
            let failed = try await daemon.tandem("build", base + address)
            #expect(failed.status == 1 && failed.errors.contains(message), "\(failed.errors)")
        }
        try await checkRepository(scratch.path)
        try await daemon.tandem("rmi", "remote:1")
        let staging = daemon.folder.path + "/data/images/staging"
        #expect(try FileManager.default.contentsOfDirectory(atPath: staging).isEmpty)
    }

    /// A repository that is served as files.
    private func checkRepository(_ folder: String) async throws {
        let server = try HTTPResponder { request, connection in
            let path = String(request.path.prefix { $0 != "?" })
            guard let content = FileManager.default.contents(atPath: folder + path) else {
                return HTTPResponder.answer(connection, "404 Not Found")
            }
            HTTPResponder.answer(connection, body: [UInt8](content))
        }
        defer { server.stop() }
        let address = "http://\(server.address)/repository.git"
        for (reference, content) in [("", "later"), ("#v1", "text")] {
            let built = try await daemon.tandem(
                "build", "-t", "remote:1", "-f", "Dockerfile.x", address + reference)
            #expect(built.status == 0, "\(built.errors)")
            #expect(try await run("remote:1", "cat /remote") == [content])
        }
        let failed = try await daemon.tandem("build", address + "#nosuch")
        #expect(failed.status == 1 && failed.errors.contains("error fetching \(address)"), "\(failed.errors)")
    }

    @Test func thePullOfABaseIsShown() async throws {
        let registry = try await RegistryServer()
        let name = registry.address + "/base:1"
        #expect(try await daemon.tandem("tag", "busybox", name).status == 0)
        #expect(try await daemon.tandem("push", name).status == 0)
        try await daemon.tandem("rmi", name)
        let built = try await build("FROM \(name)\nENV A=1\n")
        #expect(built.status == 0, "\(built.errors)")
        #expect(Array(built.lines.prefix(2)) == ["Step 1/2 : FROM \(name)", "1: Pulling from base"])
        #expect(built.lines.contains("Status: Downloaded newer image for \(name)"))
        #expect(try await !build("FROM \(name)\nENV A=1\n").output.contains("Pulling"))
        let again = try await build("FROM \(name)\nENV A=1\n", ["--pull"])
        #expect(again.lines.contains("Status: Image is up to date for \(name)") && cached(again) == 1)
        #expect(try await build("FROM \(name)\nENV A=1\n", ["--pull", "-q"]).lines.count == 1)
        try await daemon.tandem("rmi", "-f", name)
        await registry.stop()
    }

    @Test(arguments: Kind.allCases)
    func workloadsOfCommandsAreKept(kind: Kind) async throws {
        let flags = kind.flags + ["--network", "none", "--no-cache"]
        let kept = try await build("FROM busybox\nRUN echo x > /kept\n", ["--rm=false"] + flags)
        #expect(kept.status == 0 && !kept.output.contains("Removed intermediate container"), "\(kept.errors)")
        let id = try await daemon.tandem("ps", "-aq").trimmed
        let format = "{{.State.Status}} {{.State.ExitCode}} {{.Config.Cmd}}"
        #expect(
            try await daemon.tandem("inspect", "-f", format, id).trimmed == "exited 0 [/bin/sh -c echo x > /kept]")
        #expect(try await daemon.tandem("diff", id).lines.contains("A /kept"))
        await daemon.kill()
        try await daemon.start()
        #expect(try await daemon.tandem("rm", id).status == 0)
        let failed = try await build("FROM busybox\nRUN exit 7\n", ["--force-rm=false"] + flags)
        #expect(failed.status == 7)
        let left = try await daemon.tandem("ps", "-aq").trimmed
        #expect(try await daemon.tandem("inspect", "-f", "{{.State.ExitCode}}", left).trimmed == "7")
        #expect(try await daemon.tandem("rm", left).status == 0)
        let forced = try await build("FROM busybox\nRUN exit 7\n", ["--rm=false", "--force-rm=true"] + flags)
        #expect(forced.output.contains("Removed intermediate container"))
        #expect(try await daemon.tandem("ps", "-aq").output.isEmpty)
    }
}
