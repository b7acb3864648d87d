// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Images that go to Debian's dockerd and to skopeo (the library that Podman and Buildah read and write archives with), and
/// come from there, with nothing changed on the way.
@Suite(.daemon(flags: ["--libvirt-uri", "none:///"], onHostNetwork: true), .serialized)
struct InterchangeTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// Everything that a root file system is made of, but times of folders.
    private static let list = """
        find / -xdev ! -type d ! -path '/dev/*' ! -path '/etc/*' ! -path /.dockerenv \
        -exec stat -c '%n %F %u:%g %a %t:%T %h %Y %N' {} +
        find / -xdev -type d ! -path '/dev/*' ! -path /dev -exec stat -c '%n %F %u:%g %a' {} +
        find / -xdev -type f ! -path '/etc/*' -exec md5sum {} +
        """

    private static let changes = """
        FROM base:1
        RUN mkdir -p /a/b; echo hi > /a/b/file; chown 3000000:7 /a/b/file; chmod 4755 /a/b/file; ln /a/b/file /a/hard; \
        ln -s ../x /a/link; chown -h 5:6 /a/link; mkfifo /a/pipe; mknod /a/null c 1 3; rm /gone; rm -r /var; mkdir /var; \
        echo more >> /tagged; chmod 1777 /var; echo x > "/name with \\"quotes\\" and é"
        CMD ["cat", "/a/b/file"]
        """

    /// `base:1` of a tar with attributes, `from-tandem:1` built on it.
    private func build(in scratch: ScratchFolder) async throws {
        let made = try await Program(
            "bash",
            [
                "-ec",
                """
                cd \(scratch.path); mkdir -p root/bin root/var/old root/etc context; echo g > root/gone; echo t > root/tagged
                cp /bin/busybox root/bin/busybox; for name in sh find stat md5sum chown chmod mkdir ln mknod mkfifo rm echo \
                cat; do ln -s busybox root/bin/$name; done
                tar --pax-option 'SCHILY.xattr.user.color:=red' -cf base.tar -C root .
                """,
            ]
        ).run()
        #expect(made.status == 0, "\(made.errors)")
        _ = try scratch.write("context/Dockerfile", Self.changes)
        let imported = try await daemon.tandem("import", scratch.path + "/base.tar", "base:1")
        #expect(imported.status == 0, "\(imported.errors)")
        let built = try await daemon.tandem(
            "build", "-q", "--network", "none", "-t", "from-tandem:1", scratch.path + "/context")
        #expect(built.status == 0, "\(built.errors)")
    }

    /// What a conversion between Docker's and OCI's configurations leaves as it is: the digests of the layers' tars.
    private static let content = "{{.RootFS.Layers}} {{.Config.Cmd}}"

    private static let identity = "{{.Id}} {{.RootFS.Layers}} {{.Config.Cmd}}"

    private func identity(_ name: String) async throws -> String {
        try await daemon.tandem("image", "inspect", "-f", Self.identity, name).trimmed
    }

    private func identity(_ name: String, _ engine: DockerEngine) async throws -> String {
        try await engine.docker("image", "inspect", "-f", Self.identity, name).trimmed
    }

    private func listing(_ name: String) async throws -> [String] {
        let result = try await daemon.tandem("run", "--rm", "--network", "none", name, "sh", "-c", Self.list)
        #expect(result.status == 0, "\(result.errors)")
        return result.lines.sorted()
    }

    private func listing(_ name: String, _ engine: DockerEngine) async throws -> [String] {
        let result = try await engine.docker("run", "--rm", "--network", "none", name, "sh", "-c", Self.list)
        #expect(result.status == 0, "\(result.errors)")
        return result.lines.sorted()
    }

    @Test func withDocker() async throws {
        let scratch = try ScratchFolder(prefix: "exchange")
        defer { scratch.remove() }
        try await build(in: scratch)
        let engine = try await DockerEngine()
        let file = scratch.path + "/archive.tar"
        let context = scratch.path + "/context"
        #expect(try await daemon.tandem("save", "-o", file, "from-tandem:1", "base:1").status == 0)
        let loaded = try await engine.docker("load", "-i", file)
        #expect(loaded.output.contains("Loaded image: from-tandem:1"), "\(loaded.output)\(loaded.errors)")
        let own = try await identity("from-tandem:1")
        #expect(try await identity("from-tandem:1", engine) == own)
        let files = try await listing("from-tandem:1")
        #expect(files.contains { $0.hasPrefix("/a/b/file regular file 3000000:7 4755 0:0 2 ") }, "\(files)")
        #expect(!files.contains { $0.hasPrefix("/gone") || $0.hasPrefix("/var/old") })
        #expect(try await listing("from-tandem:1", engine) == files)

        // The same steps by Docker, and back; also what a container has written there.
        #expect(
            try await engine.docker("build", "-q", "--no-cache", "--network", "none", "-t", "theirs:1", context).status
                == 0)
        try await engine.docker(
            "run", "--name", "writer", "--network", "none", "theirs:1", "sh", "-c", "echo 1 > /one; rm /tagged")
        try await engine.docker("commit", "writer", "theirs:2")
        let saved = try await engine.docker("save", "-o", file, "theirs:1", "theirs:2")
        #expect(saved.status == 0, "\(saved.errors)")
        let back = try await daemon.tandem("load", "-i", file)
        // Docker writes images in no order.
        #expect(back.lines.sorted() == ["Loaded image: theirs:1", "Loaded image: theirs:2"], "\(back.errors)")
        for name in ["theirs:1", "theirs:2"] {
            let (known, files) = (try await identity(name, engine), try await listing(name, engine))
            #expect(try await identity(name) == known)
            #expect(try await listing(name) == files)
        }

        try await throughRegistry(engine, files)
        let exported = try await engine.docker("export", "-o", file, "writer")
        #expect(exported.status == 0, "\(exported.errors)")
        #expect(try await daemon.tandem("import", file, "exported:1").status == 0)
        let run = try await daemon.tandem("run", "--rm", "--network", "none", "exported:1", "cat", "/one", "/a/b/file")
        #expect(run.output == "1\nhi\n", "\(run.errors)")
        try await engine.stop()
    }

    /// What Tandem pushes dockerd pulls, and the other way round.
    private func throughRegistry(_ engine: DockerEngine, _ files: [String]) async throws {
        let registry = try await RegistryServer()
        let own = try await identity("from-tandem:1")
        let (one, two) = (registry.address + "/one:1", registry.address + "/two:1")
        try await daemon.tandem("tag", "from-tandem:1", one)
        let pushed = try await daemon.tandem("push", one)
        #expect(pushed.status == 0, "\(pushed.errors)")
        // Otherwise it would have the layers already.
        try await engine.docker("rmi", "-f", "from-tandem:1")
        let pulled = try await engine.docker("pull", one)
        #expect(pulled.status == 0, "\(pulled.errors)")
        #expect(try await identity(one, engine) == own)
        #expect(try await listing(one, engine) == files)
        let digest = try await daemon.tandem("image", "inspect", "-f", "{{.RepoDigests}}", one).trimmed
        #expect(try await engine.docker("image", "inspect", "-f", "{{.RepoDigests}}", one).trimmed == digest)

        try await engine.docker("tag", "theirs:2", two)
        let theirs = try await engine.docker("push", two)
        #expect(theirs.status == 0, "\(theirs.errors)")
        let known = try await identity("theirs:2")
        try await daemon.tandem("rmi", "theirs:1", "theirs:2")
        let fetched = try await daemon.tandem("pull", two)
        #expect(fetched.status == 0 && fetched.output.contains("Pull complete"), "\(fetched.errors)")
        #expect(try await identity(two) == known)
        let theirFiles = try await listing(two, engine)
        #expect(try await listing(two) == theirFiles)
        await registry.stop()
    }

    @Test func withSkopeo() async throws {
        let scratch = try ScratchFolder(prefix: "exchange")
        defer { scratch.remove() }
        try await build(in: scratch)
        let own = try await daemon.tandem("image", "inspect", "-f", Self.content, "from-tandem:1").trimmed
        let files = try await listing("from-tandem:1")
        #expect(try await daemon.tandem("save", "-o", scratch.path + "/ours.tar", "from-tandem:1").status == 0)
        // Ours is read in both forms, and every form of theirs is taken.
        try await copy("docker-archive:ours.tar", "oci:layout:from-skopeo:1", in: scratch)
        try await copy("oci-archive:ours.tar", "dir:raw", in: scratch)
        try await copy("oci:layout:from-skopeo:1", "oci-archive:oci.tar:from-skopeo:2", in: scratch)
        try await copy("docker-archive:ours.tar", "docker-archive:docker.tar:from-skopeo:3", in: scratch)
        let packed = try await Program(
            "sh", ["-ec", "cd \(scratch.path); tar -cf folder.tar -C layout .; tar -czf folder.tar.gz -C layout ."]
        ).run()
        #expect(packed.status == 0, "\(packed.errors)")
        try await daemon.tandem("rmi", "from-tandem:1", "base:1")
        for (archive, name) in [
            ("oci.tar", "from-skopeo:2"), ("docker.tar", "from-skopeo:3"), ("folder.tar", "from-skopeo:1"),
            ("folder.tar.gz", "from-skopeo:1"),
        ] {
            let loaded = try await daemon.tandem("load", "-i", scratch.path + "/" + archive)
            #expect(loaded.lines == ["Loaded image: \(name)"], "\(archive): \(loaded.output)\(loaded.errors)")
            #expect(try await daemon.tandem("image", "inspect", "-f", Self.content, name).trimmed == own, "\(archive)")
            #expect(try await listing(name) == files, "\(archive)")
            try await daemon.tandem("rmi", name)
        }
        #expect(try await daemon.tandem("import", scratch.path + "/layout", "folder:1").status == 0)
        #expect(try await daemon.tandem("image", "inspect", "-f", Self.content, "folder:1").trimmed == own)
        try await daemon.tandem("rmi", "folder:1")
    }

    private func copy(_ source: String, _ target: String, in scratch: ScratchFolder) async throws {
        let copied = try await Program(
            "sh", ["-ec", "cd \(scratch.path); exec skopeo copy -q --insecure-policy \"$0\" \"$1\"", source, target]
        ).run()
        #expect(copied.status == 0, "\(source) to \(target): \(copied.errors)")
    }
}
