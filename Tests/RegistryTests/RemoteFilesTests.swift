// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import Registry

/// Files that are fetched by their addresses.
struct RemoteFilesTests {
    private func fetch(
        _ address: String, limit: UInt64 = 1 << 20, idle: Duration = .seconds(60)
    ) async throws -> (RemoteFile, String) {
        var content: [UInt8] = []
        let file = try await RemoteFiles(settings: RegistrySettings(idleTimeout: idle)).fetch(address, atMost: limit) {
            (bytes, _) in content += bytes
        }
        return (file, String(decoding: content, as: UTF8.self))
    }

    private func message(_ address: String, limit: UInt64 = 1 << 20, idle: Duration = .seconds(60)) async -> String {
        let failure = await #expect(throws: RegistryFailure.self) { try await fetch(address, limit: limit, idle: idle) }
        return failure?.message ?? ""
    }

    @Test func aFileComesWithWhatTheServerSays() async throws {
        let server = try HTTPResponder { request, connection in
            guard request.path != "/first" else {
                return HTTPResponder.answer(connection, "302 Found", headers: ["Location": "/a%20b/"])
            }
            HTTPResponder.answer(
                connection,
                headers: [
                    "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Content-Type": "text/plain",
                    "Content-Disposition": "attachment; filename=\"x\"",
                ], body: Array("text".utf8))
        }
        let (file, content) = try await fetch("http://\(server.address)/first")
        #expect(content == "text" && file.path == "/first" && file.type == "text/plain")
        #expect(file.modified == 784_111_777 && file.disposition == "attachment; filename=\"x\"")
        #expect(server.requests.map(\.path) == ["/first", "/a%20b/"])
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("yesterday", nil),
            ("Sun, 06 Nov 1994 25:49:37 GMT", nil), ("Sun, 06 Nix 1994 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func timesAreRead(text: String, seconds: Int64?) { #expect(HTTPDate.seconds(text) == seconds) }

    @Test func hostileServersComeToNothing() async throws {
        let server = try HTTPResponder { request, connection in
            switch request.path {
            case "/loop": HTTPResponder.answer(connection, "302 Found", headers: ["Location": "/loop"])
            case "/missing": HTTPResponder.answer(connection, "404 Not Found", body: Array("no\u{1B}[31m\nfile".utf8))
            case "/announced": HTTPResponder.answer(connection, headers: ["Content-Length": "99999999"])
            case "/short": HTTPResponder.answer(connection, headers: ["Content-Length": "10"], body: [65])
            case "/silent": _ = usleep(1_000_000)
            default:
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                guard LoopbackServer.send(Array(head.utf8), to: connection) else { return }
                while LoopbackServer.send([UInt8](repeating: 0, count: 65_536), to: connection) {}
            }
        }
        let base = "http://\(server.address)"
        #expect(await message(base + "/loop").hasSuffix("stopped after 10 redirects"))
        #expect(server.requests.count == 11)
        #expect(
            await message(base + "/missing") == "failed to GET \(base)/missing with status 404 Not Found: no [31m file")
        #expect(await message(base + "/announced") == "\(base)/announced is longer than 1048576 bytes")
        #expect(await message(base + "/endless") == "\(base)/endless is longer than 1048576 bytes")
        #expect(await message(base + "/short").hasSuffix("unexpected EOF"))
        #expect(await message(base + "/silent", idle: .milliseconds(200)).hasSuffix("i/o timeout"))
        #expect(await message("http://127.0.0.1:\(try LoopbackServer.freePort())/").contains("connection refused"))
        #expect(await message("ftp://host/x") == "'ftp://host/x' is no address")
    }
}
