// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Glibc
import TestSupport
import Testing

/// Random requests to a real daemon: an answer or a clean end for each, and the daemon as it was before.
@Suite(.daemon, .serialized)
struct FuzzTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private static let paths = [
        "/_ping", "/info", "/events?until=1", "/containers/json", "/containers/create?name=", "/containers//json",
        "/containers/x/start", "/containers/x/logs?stdout=1", "/containers/x/attach?stream=1", "/containers/x/wait",
        "/containers/x/stats?stream=0", "/containers/x/archive?path=/", "/containers/x/exec", "/containers/prune",
        "/exec/x/start", "/images/json", "/images/a/b/c/json", "/images/load", "/images/create?fromSrc=-",
        "/volumes", "/volumes/create", "/volumes/x", "/system/df", "/tandem/run", "/tandem/kernels",
        "/networks", "/build", "/auth", "/v9.99/info", "/v1.24/info", "/../../etc/passwd", "/%00", "//", "*",
    ]
    private static let bodies = [
        "", "{}", "[]", "null", "{", "\u{0}", #"{"Image":"busybox","Cmd":["true"],"HostConfig":{}}"#,
        #"{"Image":5,"Cmd":{"a":[]},"HostConfig":[1]}"#, #"{"Name":"../../x","Driver":"local"}"#,
        String(repeating: "[", count: 5_000), #"{"Labels":{"a":null},"Env":[1,2]}"#,
    ]

    @Test func requests() async throws {
        let process = try #require(daemon.processID)
        let folder = "/proc/\(process)/fd"
        let descriptors = { try FileManager.default.contentsOfDirectory(atPath: folder) }
        // A new daemon finds out about its host, and has files open for that meanwhile.
        try await daemon.tandem("doctor")
        let before = try descriptors()
        var fuzzing = Fuzzing(least: 300)
        while fuzzing.next() {
            let request = request(&fuzzing)
            try send(request, seed: fuzzing.seed)
            #expect(daemon.processID == process)
        }
        #expect(try await daemon.tandem("run", "--rm", "busybox", "echo", "well").output == "well\n")
        var left = 0
        for _ in 0..<150 {
            left = try descriptors().count - before.count
            if left <= 0 { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        let opened = try descriptors().filter { !before.contains($0) }.map { name in
            // One may be closed while it is looked at.
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) ?? name
        }
        #expect(left <= 0, "\(left) descriptors stay open, of \(opened)")
    }

    private func request(_ fuzzing: inout Fuzzing) -> [UInt8] {
        let method = fuzzing.pick(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "BREW"])
        let body = Array(fuzzing.pick(Self.bodies).utf8)
        var head = "\(method) \(fuzzing.pick(Self.paths)) HTTP/1.1\r\nHost: x\r\n"
        head += fuzzing.pick(["", "Connection: close\r\n", "Connection: Upgrade\r\nUpgrade: tcp\r\n"])
        head += fuzzing.pick([
            "Content-Length: \(body.count)\r\n", "Content-Length: 3\r\n", "Content-Length: -1\r\n",
            "Transfer-Encoding: chunked\r\n", "Content-Length: 99999999999\r\n", "",
        ])
        head += "Content-Type: \(fuzzing.pick(["application/json", "application/x-tar", "text/plain"]))\r\n\r\n"
        let whole = Array(head.utf8) + body
        return Bool.random(using: &fuzzing.generator) ? whole : fuzzing.mutated(whole)
    }

    /// Sends, ends our side, and reads what comes until the daemon ends its own.
    private func send(_ request: [UInt8], seed: UInt64) throws {
        let descriptor = tandem_unix_socket(0)
        defer { close(descriptor) }
        var limit = timeval()
        limit.tv_sec = 10
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let connected = tandem_unix_connect(descriptor, String(daemon.endpoint.dropFirst(7)))
        try #require(connected == 0, "the daemon does not listen any more after seed \(seed - 1)")
        _ = Glibc.send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        shutdown(descriptor, Int32(SHUT_WR))
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var answer: [UInt8] = []
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            #expect(
                count >= 0, "no end within 10 s: seed \(seed), \(String(decoding: request.prefix(200), as: UTF8.self))")
            guard count > 0, answer.count < 1 << 22 else { break }
            answer += chunk[..<count]
        }
        guard !answer.isEmpty else { return }
        #expect(answer.starts(with: Array("HTTP/1.".utf8)), "seed \(seed)")
    }
}
