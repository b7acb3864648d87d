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

    @Test(arguments: cases)
    func isOneSentence(_ wrong: Case) async throws {
        let before = try await state()
        let result = try await daemon.tandem(wrong.arguments)
        #expect(result.status == wrong.status, "\(result.errors)")
        #expect(result.errors.contains(wrong.sentence), "\(result.errors)")
        // The sentence, and what to do about it.
        #expect(result.errors.split(separator: "\n").count >= 2, "\(result.errors)")
        #expect(result.errors.split(separator: "\n").first?.contains(wrong.sentence) == true, "\(result.errors)")
        #expect(try await state() == before)
    }

    /// One wrong request, its status, and a part of the message.
    struct Request: Sendable, CustomTestStringConvertible {
        var request: String
        var body = ""
        var status: Int
        var message: String
        var testDescription: String { "\(request) \(body.prefix(40))" }
    }

    static let requests = [
        Request(request: "GET /v1.43/containers/nosuch/json", status: 404, message: "No such container: nosuch"),
        Request(request: "POST /v1.43/containers/nosuch/start", status: 404, message: "No such container: nosuch"),
        Request(request: "GET /v1.43/images/nosuch/json", status: 404, message: "No such image: nosuch"),
        Request(
            request: "POST /v1.43/containers/create", body: #"{"Image":"nosuch"}"#, status: 404,
            message: "No such image"),
        Request(request: "POST /v1.43/containers/create", body: "{nonsense", status: 400, message: "invalid JSON"),
        Request(
            request: "POST /v1.43/containers/create", body: #"{"Image":"busybox","HostConfig":{"Memory":1}}"#,
            status: 400,
            message: "Minimum memory limit"),
        Request(
            request: "POST /v1.43/containers/create",
            body: #"{"Image":"busybox","HostConfig":{"PortBindings":{"80/icmp":[{"HostPort":"80"}]}}}"#, status: 400,
            message: "invalid proto: icmp"),
        Request(
            request: "POST /v1.43/networks/create", body: #"{"Name":"x","Driver":"weave"}"#, status: 404,
            message: "plugin \"weave\" not found"),
        Request(request: "GET /v1.43/networks/nosuch", status: 404, message: "network nosuch not found"),
        Request(
            request: "DELETE /v1.43/networks/bridge", status: 403,
            message: "bridge is a pre-defined network and cannot be removed"),
        Request(
            request: "POST /v1.43/containers/create?name=x", body: #"{"Image":"busybox"}"#, status: 400,
            message: "Invalid container name"),
        Request(request: "POST /v1.43/images/load", body: "rubbish", status: 400, message: "archive cannot be read"),
        Request(
            request: "POST /v1.43/volumes/create", body: #"{"Name":"../x"}"#, status: 400, message: "invalid characters"
        ),
        Request(request: "DELETE /v1.43/volumes/nosuch", status: 404, message: "no such volume"),
        Request(
            request: "POST /v1.43/volumes/create", body: #"{"Name":5}"#, status: 400,
            message: "cannot unmarshal number into Go struct field Name of type string"),
        Request(
            request: "POST /v1.43/containers/nosuch/start", body: #"{"HostConfig":{}}"#, status: 400,
            message: "starting container with non-empty request body"),
        Request(
            request: "POST /v1.43/containers/nosuch/kill", status: 404,
            message: "cannot kill container: nosuch: No such container: nosuch"),
        Request(
            request: "POST /v1.43/containers/nosuch/exec", body: #"{"Cmd":[1]}"#, status: 400,
            message: "cannot unmarshal number into Go struct field Cmd of type string"),
        Request(request: "PATCH /v1.43/containers/nosuch/json", status: 404, message: "page not found"),
        Request(request: "GET /v1.43/containers/nosuch/start", status: 404, message: "page not found"),
        Request(
            request: "GET /v1.43/containers/..%2F..%2Fetc/json", status: 404, message: "No such container: ../../etc"),
        Request(request: "GET /v1.43/containers/a%00b/json", status: 404, message: "No such container: a"),
        Request(request: "GET /v1.43/containers/%ff%fe/json", status: 404, message: "No such container: "),
        Request(
            request: "GET /v1.43/containers/\(String(repeating: "a", count: 5_000))/json", status: 404,
            message: "No such container: aaaa"),
        Request(request: "GET /v1.99/info", status: 400, message: "is too new"),
        Request(request: "GET /nonsense", status: 404, message: "page not found"),
    ]

    @Test(arguments: requests)
    func hasItsStatus(_ wrong: Request) async throws {
        let before = try await state()
        let answer = try await send(wrong.request, wrong.body)
        #expect(answer.status == wrong.status)
        #expect(answer.message.contains(wrong.message), "\(answer.message)")
        #expect(answer.hint != "")
        #expect(try await state() == before)
    }

    /// Speaks to the daemon as any HTTP client does.
    private func send(_ request: String, _ body: String) async throws -> (status: Int, message: String, hint: String) {
        let script = """
            import http.client, json, socket, sys
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(sys.argv[1])
            connection.request(*sys.argv[2].split(" "), body=sys.argv[3] or None)
            response = connection.getresponse()
            document = json.loads(response.read())
            print(response.status, document["message"], document.get("hint", ""), sep="\\n")
            """
        let result = try await Program(
            "python3", ["-c", script, String(daemon.endpoint.dropFirst("unix://".count)), request, body]
        ).run()
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        try #require(lines.count >= 3, "\(result.errors)")
        return (Int(lines[0]) ?? 0, lines[1], lines[2])
    }

    private func state() async throws -> [String] {
        var lines: [String] = []
        // A bind mount's folder is made for a workload that starts, not for one that is refused.
        lines.append(String(FileManager.default.fileExists(atPath: "/tmp/tandem-none")))
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
        #expect(second.errors.contains("already in use by container \"\(first.trimmed)\""))
        #expect(second.errors.contains("tandem rm taken"))
        let request = try await send("POST /v1.43/containers/create?name=taken", #"{"Image":"busybox"}"#)
        #expect(request.status == 409)
        #expect(try await daemon.tandem("rm", "taken").status == 0)
    }

    @Test(
        "archives that are damaged leave nothing",
        arguments: ["rubbish", "cut short", "layer cut short", "wrong digest"])
    func damagedArchives(_ damage: String) async throws {
        let before = try await state()
        let scratch = try ScratchFolder(prefix: "bad")
        defer { scratch.remove() }
        let script =
            switch damage {
            case "rubbish": "head -c 100000 /dev/urandom > bad.tar"
            case "cut short":
                "head -c 3000000 /dev/urandom > big; tar -czf whole.tar big; head -c 1000000 whole.tar > bad.tar"
            case "layer cut short":
                """
                mkdir l; head -c 3000000 /dev/urandom > f; tar -cf whole.tar f; head -c 1000000 whole.tar > l/layer.tar
                printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
                    $(sha256sum whole.tar | cut -d' ' -f1) > c.json
                echo '[{"Config":"c.json","RepoTags":["bad:1"],"Layers":["l/layer.tar"]}]' > manifest.json
                tar -cf bad.tar manifest.json c.json l
                """
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
        #expect(result.errors.split(separator: "\n").count == 2, "\(result.errors)")
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
                "mkdir \(mount); mount -t tmpfs -o size=3m none \(mount); head -c 8000000 /dev/zero | tr '\\0' x > \(scratch.path)/big; tar -C \(scratch.path) -cf \(scratch.path)/big.tar big",
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
        #expect(result.errors.contains("Free some space"), "\(result.errors)")
        let tandem = { (arguments: [String]) in
            try await Program(Binaries.path("tandem"), arguments).run(environment: environment)
        }
        let images = try await tandem(["images", "-q"])
        #expect(images.output.isEmpty)
        // The image fits, a copy of its content does not.
        #expect(try await tandem(["image", "default"]).status == 0)
        let filled = try await tandem(["create", "-v", "full:/bin", "busybox"])
        #expect(filled.status == 125)
        #expect(filled.errors.contains("cannot be copied: No space left on device"), "\(filled.errors)")
        #expect(filled.errors.contains("Free some space"), "\(filled.errors)")
        #expect(try await tandem(["ps", "-aq"]).output.isEmpty)
        #expect(try await tandem(["volume", "ls", "-q"]).output.isEmpty)
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
        #expect(result.errors.contains("tandemd has to run as root"))
        #expect(result.errors.contains("Start it with sudo."))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/x/images"))
        let socket = String(daemon.endpoint.dropFirst("unix://".count))
        let client = try await Program(
            "setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", Binaries.path("tandem"), "ps"]
        ).run(environment: ["TANDEM_HOST": daemon.endpoint])
        #expect(client.status == 1)
        #expect(client.errors.contains("permission denied") && client.errors.contains(socket), "\(client.errors)")
        #expect(client.errors.contains("group"), "\(client.errors)")
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
        #expect(machine.errors.split(separator: "\n").count == 2, "\(machine.errors)")
        let doctor = try await Program(tandem, ["doctor"]).run(environment: environment)
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("libvirt"))
        daemon.terminate()
        daemon.waitUntilExit()
    }
}
