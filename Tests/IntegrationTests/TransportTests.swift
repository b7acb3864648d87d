// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Ways to the API beside a plain request on the UNIX socket: TCP with certificates, WebSockets, clients that vanish.
@Suite(.daemon, .serialized)
struct TransportTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// A second daemon with roots of its own that listens on TCP, for the time of `body`.
    private func withListener(
        _ flags: [String], _ body: (Int32) async throws -> Void
    ) async throws -> (status: Int32, errors: String) {
        let scratch = try ScratchFolder(prefix: "tcp")
        defer { scratch.remove() }
        let roots = ["--data-root", scratch.path + "/d", "--run-root", scratch.path + "/r"]
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Binaries.path("tandemd"))
        process.arguments = roots + flags
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        for _ in 0..<200 where process.isRunning {
            if FileManager.default.fileExists(atPath: scratch.path + "/r/tandem.sock") { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        if process.isRunning { try await body(process.processIdentifier) }
        process.terminate()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    private func python(_ script: String, _ arguments: String...) async throws -> Program.Result {
        try await Program("python3", ["-c", script] + arguments).run(deadline: 60)
    }

    @Test func clientsWithoutCertificateAreRefusedOnTCP() async throws {
        let certificates = try ScratchFolder(prefix: "tls")
        defer { certificates.remove() }
        let script = """
            set -e
            cd \(certificates.path)
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority 2>/dev/null
            for name in server client; do
              openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
              echo subjectAltName=IP:127.0.0.1 > $name.ext
              openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 2 \
                -extfile $name.ext 2>/dev/null
            done
            """
        #expect(try await Program("bash", ["-c", script]).run().status == 0)
        let port = String(Int.random(in: 20_000...30_000))
        let client = """
            import http.client, ssl, sys
            folder, port, known = sys.argv[1:]
            context = ssl.create_default_context(cafile=folder + "/ca.pem")
            if known == "known": context.load_cert_chain(folder + "/client.pem", folder + "/client.key")
            try:
                connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context, timeout=10)
                connection.request("GET", "/_ping")
                print(connection.getresponse().read().decode())
            except (ssl.SSLError, OSError) as error:
                print("refused")
            """
        let path = certificates.path
        let ended = try await withListener(
            [
                "-H", "tcp://127.0.0.1:\(port)", "--tlscacert", path + "/ca.pem", "--tlscert", path + "/server.pem",
                "--tlskey", path + "/server.key",
            ]
        ) { (_) async throws in
            #expect(try await python(client, path, port, "known").trimmed == "OK")
            #expect(try await python(client, path, port, "unknown").trimmed == "refused")
        }
        #expect(ended.status == 0, "\(ended.errors)")
    }

    @Test func tcpWithoutCertificatesNeedsItsOwnWord() async throws {
        let port = String(Int.random(in: 30_001...40_000))
        let refused = try await withListener(["-H", "tcp://127.0.0.1:\(port)"]) { _ in }
        #expect(refused.status == 1)
        #expect(refused.errors.contains("would make everyone who reaches it root on this host"))
        let script = """
            import http.client, sys
            connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
            connection.request("GET", "/_ping")
            print(connection.getresponse().read().decode())
            """
        let allowed = try await withListener(["-H", "tcp://127.0.0.1:\(port)", "--insecure-tcp"]) { (_) async throws in
            #expect(try await python(script, port).trimmed == "OK")
        }
        #expect(allowed.status == 0, "\(allowed.errors)")
    }

    @Test(arguments: [
        ["--tlsverify"], ["--tlscacert", "/nonexistent"], ["-H", "ftp://x"], ["-H", "tcp://1.2.3.4", "--insecure-tcp"],
    ])
    func badListenersAreRefused(flags: [String]) async throws {
        let refused = try await withListener(flags) { _ in }
        #expect(refused.status == 1)
        #expect(refused.errors.hasPrefix("tandemd: "), "\(refused.errors)")
    }

    @Test(arguments: Kind.allCases)
    func aWebSocketCarriesBothDirections(kind: Kind) async throws {
        let name = "ws-\(kind)"
        try await daemon.tandem(
            ["run"] + kind.flags + ["-d", "-i", "--name", name, "busybox", "sh", "-c", "read a; echo got $a"])
        let script = """
            import base64, hashlib, os, socket, struct, sys
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(30)
            connection.connect(sys.argv[1])
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(("GET /v1.43/containers/%s/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\\r\\nHost: x\\r\\n"
                "Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n"
                "Sec-WebSocket-Key: %s\\r\\n\\r\\n" % (sys.argv[2], key)).encode())
            stream = connection.makefile("rb")
            head = []
            while (line := stream.readline().strip()): head.append(line.decode())
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            assert "101" in head[0] and "Sec-WebSocket-Accept: " + accept in head, head
            text, mask = b"hello\\n", os.urandom(4)
            connection.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
            received = b""
            while True:
                first, length = stream.read(2)
                data = stream.read(length)
                if first & 15 == 8: break
                received += data
            print(received.decode(), end="")
            """
        let result = try await python(script, String(daemon.endpoint.dropFirst(7)), name)
        #expect(result.output == "got hello\n", "\(result.errors)")
        try await daemon.tandem("rm", "-f", name)
    }

    @Test func idleAndVanishingClientsLeaveNothing() async throws {
        let process = try #require(daemon.processID)
        let descriptors = { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count }
        let threads = { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").count }
        try await daemon.tandem("create", "-i", "--name", "never-started", "busybox", "cat")
        try await daemon.tandem(
            "run", "-d", "--name", "talks", "busybox", "sh", "-c", "while echo flood; do sleep 0.01; done")
        let memoryBefore = try residentKibibytes(process)
        let (descriptorsBefore, threadsBefore) = (try descriptors(), try threads())
        let script = """
            import socket, sys, time
            path, name = sys.argv[1:]
            idle = []
            for _ in range(1000):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(path)
                idle.append(connection)
            for turn in range(40):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(path)
                # Before the start, and in the middle of the output.
                connection.sendall(("POST /containers/%s/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\\r\\nHost: x\\r\\n"
                    "Connection: Upgrade\\r\\nUpgrade: tcp\\r\\n\\r\\n" % (name if turn % 2 else "talks")).encode())
                assert b"101" in connection.recv(100)
                connection.close()
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            connection.sendall(b"GET /_ping HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            answer = b""
            while (piece := connection.recv(4096)): answer += piece
            print("OK" if answer.endswith(b"OK") else answer)
            """
        let result = try await python(script, String(daemon.endpoint.dropFirst(7)), "never-started")
        #expect(result.trimmed == "OK", "\(result.errors)")
        var left = 0
        for _ in 0..<100 {
            left = try descriptors() - descriptorsBefore
            if left <= 0 { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(left <= 0, "\(left) descriptors stay open")
        #expect(try threads() <= threadsBefore + 8)
        #expect(try residentKibibytes(process) < memoryBefore + 65_536)
        try await daemon.tandem("rm", "-f", "never-started", "talks")
    }

    private func residentKibibytes(_ process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return try #require(line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
    }

    @Test func aBodyWithoutEndIsRefused() async throws {
        let script = """
            import http.client, socket, sys
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(sys.argv[1])
            connection.request("POST", "/containers/create", body=(b"[" * 65536 for _ in range(320)), encode_chunked=True)
            response = connection.getresponse()
            print(response.status, response.read().decode())
            """
        let result = try await python(script, String(daemon.endpoint.dropFirst(7)))
        #expect(
            result.output.hasPrefix("400 ") && result.output.contains("too long"), "\(result.output) \(result.errors)")
    }
}
