// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Bad input gets one sentence with a hint and the right exit code, and changes nothing.
@Suite(.daemon, .serialized)
struct BadInputTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// One wrong command line, its exit code, and a part of the sentence.
    struct Case: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var status: Int32
        var sentence: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    static let cases = [
        Case(arguments: ["run", "nosuch"], status: 125, sentence: "No such image: nosuch:latest"),
        Case(arguments: ["run", "No/Such"], status: 125, sentence: "No such image"),
        Case(arguments: ["run", "--bad", "busybox"], status: 125, sentence: "--bad"),
        Case(arguments: ["run"], status: 125, sentence: "requires at least 1 argument"),
        Case(arguments: ["run", "-m", "lots", "busybox"], status: 125, sentence: "invalid size"),
        Case(arguments: ["run", "-m", "1m", "busybox"], status: 125, sentence: "Minimum memory limit"),
        Case(arguments: ["run", "--cpus", "-3", "busybox"], status: 125, sentence: "--cpus"),
        Case(arguments: ["run", "--cpus", "900", "busybox"], status: 125, sentence: "CPUs available"),
        Case(arguments: ["run", "-v", "x:relative", "busybox"], status: 125, sentence: "must be absolute"),
        Case(arguments: ["run", "--network", "web", "busybox"], status: 125, sentence: "'web' is not supported"),
        Case(arguments: ["run", "--cap-add", "FLY", "busybox"], status: 125, sentence: "FLY"),
        Case(arguments: ["run", "--ulimit", "naps=1", "busybox"], status: 125, sentence: "naps"),
        Case(arguments: ["run", "--sysctl", "kernel.panic=1", "busybox"], status: 125, sentence: "kernel.panic"),
        Case(arguments: ["run", "--name", "x", "busybox"], status: 125, sentence: "Invalid container name"),
        Case(arguments: ["run", "--vm", "--network", "host", "busybox"], status: 125, sentence: "host's network"),
        Case(arguments: ["run", "--vm", "--device", "/dev/null", "busybox"], status: 125, sentence: "devices"),
        Case(arguments: ["run", "--vm", "--runtime", "container", "busybox"], status: 125, sentence: "contradict"),
        Case(
            arguments: ["run", "--security-opt", "seccomp=/nonexistent", "busybox"], status: 125,
            sentence: "/nonexistent"),
        Case(arguments: ["run", "--rm", "-u", "nobodyknows", "busybox"], status: 125, sentence: "nobodyknows"),
        Case(arguments: ["start", "nosuch"], status: 1, sentence: "No such container: nosuch"),
        Case(arguments: ["exec", "nosuch", "ls"], status: 1, sentence: "No such container: nosuch"),
        Case(arguments: ["logs", "nosuch"], status: 1, sentence: "No such container: nosuch"),
        Case(arguments: ["kill", "-s", "NONSENSE", "nosuch"], status: 1, sentence: "invalid signal"),
        Case(arguments: ["inspect", "nosuch"], status: 1, sentence: "No such object: nosuch"),
        Case(arguments: ["rmi", "nosuch"], status: 1, sentence: "No such image: nosuch"),
        Case(arguments: ["volume", "inspect", "nosuch"], status: 1, sentence: "no such volume"),
        Case(arguments: ["volume", "create", "../x"], status: 1, sentence: "invalid characters"),
        Case(arguments: ["image", "import", "/nonexistent.tar"], status: 1, sentence: "/nonexistent.tar"),
        Case(arguments: ["kernel", "use", "nosuch"], status: 1, sentence: "nosuch"),
        Case(arguments: ["compare", "-n", "0"], status: 125, sentence: "-n"),
        Case(arguments: ["nonsense"], status: 125, sentence: "nonsense"),
    ]

    @Test(arguments: cases)
    func isOneSentence(_ wrong: Case) async throws {
        let before = try await state()
        let result = try await daemon.tandem(wrong.arguments)
        #expect(result.status == wrong.status, "\(result.errors)")
        #expect(result.errors.contains(wrong.sentence), "\(result.errors)")
        #expect(try await state() == before)
    }

    private func state() async throws -> [String] {
        var lines: [String] = []
        for command in [["ps", "-aq"], ["images", "-q"], ["volume", "ls", "-q"]] {
            lines.append(try await daemon.tandem(command).output)
        }
        return lines
    }

    @Test("a name in use is a conflict that names its owner")
    func nameInUse() async throws {
        let first = try await daemon.tandem("create", "--name", "taken", "busybox", "true")
        #expect(first.status == 0, "\(first.errors)")
        let second = try await daemon.tandem("create", "--name", "taken", "busybox", "true")
        #expect(second.status == 125)
        #expect(second.errors.contains("already in use"))
        #expect(try await daemon.tandem("rm", "taken").status == 0)
    }

    @Test("archives that are damaged leave nothing", arguments: ["rubbish", "cut short", "wrong digest"])
    func damagedArchives(_ damage: String) async throws {
        let before = try await state()
        let scratch = try ScratchFolder(prefix: "bad")
        defer { scratch.remove() }
        let script =
            switch damage {
            case "rubbish": "head -c 100000 /dev/urandom > bad.tar"
            case "cut short":
                "head -c 3000000 /dev/urandom > big; tar -czf whole.tar big; head -c 1000000 whole.tar > bad.tar"
            default:
                """
                mkdir l; echo x > f; tar -cf l/layer.tar f
                printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%064d"]}}' 0 > c.json
                echo '[{"Config":"c.json","RepoTags":["bad:1"],"Layers":["l/layer.tar"]}]' > manifest.json
                tar -cf bad.tar manifest.json c.json l
                """
            }
        let made = try await Program("sh", ["-ec", "cd \(scratch.path); \(script)"]).run()
        #expect(made.status == 0, "\(made.errors)")
        let result = try await daemon.tandem("image", "import", scratch.path + "/bad.tar", "bad:1")
        #expect(result.status == 1)
        #expect(
            damage == "wrong digest" ? result.errors.contains("digest") : result.errors.contains("archive"),
            "\(result.errors)")
        #expect(try await state() == before)
        let staging = try FileManager.default.contentsOfDirectory(atPath: daemon.folder.path + "/data/images/staging")
        #expect(staging.isEmpty)
    }

    @Test("no space left is said, and leaves nothing")
    func noSpace() async throws {
        let scratch = try ScratchFolder(prefix: "full")
        let mount = scratch.path + "/small"
        let prepared = try await Program(
            "sh",
            [
                "-ec",
                "mkdir \(mount); mount -t tmpfs -o size=4m none \(mount); head -c 8000000 /dev/zero | tr '\\0' x > \(scratch.path)/big; tar -C \(scratch.path) -cf \(scratch.path)/big.tar big",
            ]
        ).run()
        #expect(prepared.status == 0, "\(prepared.errors)")
        let small = Process()
        small.executableURL = URL(fileURLWithPath: Binaries.path("tandemd"))
        small.arguments = ["--data-root", mount + "/d", "--run-root", scratch.path + "/r", "--accelerator", "tcg"]
        small.standardError = FileHandle.nullDevice
        try small.run()
        let environment = ["TANDEM_HOST": "unix://\(scratch.path)/r/tandem.sock"]
        for _ in 0..<100 {
            if try await Program(Binaries.path("tandem"), ["version"]).run(environment: environment).status == 0 {
                break
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        let result = try await Program(Binaries.path("tandem"), ["image", "import", scratch.path + "/big.tar", "big"])
            .run(environment: environment)
        #expect(result.status == 1)
        #expect(result.errors.contains("No space left on device"), "\(result.errors)")
        let images = try await Program(Binaries.path("tandem"), ["images", "-q"]).run(environment: environment)
        #expect(images.output.isEmpty)
        small.terminate()
        small.waitUntilExit()
        let unmounted = try await Program("umount", [mount]).run()
        #expect(unmounted.status == 0, "\(unmounted.errors)")
        scratch.remove()
    }

    @Test("without root rights the daemon says so")
    func noRoot() async throws {
        let result = try await Program(
            "setpriv",
            [
                "--reuid", "65534", "--clear-groups", Binaries.path("tandemd"), "--data-root", "/tmp/x", "--run-root",
                "/tmp/y",
            ]
        ).run()
        #expect(result.status == 1)
        #expect(result.errors.contains("root"))
    }

    @Test("without libvirt containers run, VMs are refused with a sentence")
    func noLibvirt() async throws {
        let scratch = try ScratchFolder(prefix: "lv")
        defer { scratch.remove() }
        let daemon = Process()
        daemon.executableURL = URL(fileURLWithPath: Binaries.path("tandemd"))
        daemon.arguments = [
            "--data-root", scratch.path + "/d", "--run-root", scratch.path + "/r", "--accelerator", "tcg",
            "--libvirt-uri",
            "qemu+unix:///system?socket=/nonexistent",
        ]
        daemon.standardError = FileHandle.nullDevice
        try daemon.run()
        let environment = ["TANDEM_HOST": "unix://\(scratch.path)/r/tandem.sock"]
        let tandem = Binaries.path("tandem")
        for _ in 0..<100 {
            if try await Program(tandem, ["version"]).run(environment: environment).status == 0 { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        let container = try await Program(tandem, ["run", "--rm", "busybox", "true"]).run(environment: environment)
        #expect(container.status == 0, "\(container.errors)")
        let machine = try await Program(tandem, ["run", "--rm", "--vm", "busybox", "true"]).run(
            environment: environment)
        #expect(machine.status == 125)
        #expect(machine.errors.contains("libvirt cannot be reached"), "\(machine.errors)")
        let doctor = try await Program(tandem, ["doctor"]).run(environment: environment)
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("libvirt"))
        daemon.terminate()
        daemon.waitUntilExit()
    }
}
