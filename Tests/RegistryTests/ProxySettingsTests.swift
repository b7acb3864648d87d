// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import Registry

/// Proxies that the environment names.
struct ProxySettingsTests {
    private func proxy(_ settings: ProxySettings, _ address: String) throws -> String? {
        try settings.proxy(for: try #require(URL(string: address)))?.absoluteString
    }

    @Test(arguments: [
        ("https://registry.example/v2/", "", true), ("https://127.0.0.1:5000/", "", false),
        ("https://localhost/", "", false), ("https://[::1]:5000/", "", false),
        ("https://registry.example/", "*", false),
        ("https://registry.example/", "other.example, registry.example", false),
        ("https://a.registry.example/", "registry.example", false),
        ("https://a.registry.example/", ".registry.example", false),
        ("https://registry.example/", ".registry.example", true),
        ("https://myregistry.example/", "registry.example", true),
        ("https://registry.example:444/", "registry.example:443", true),
        ("https://registry.example/", "registry.example:443", false), ("https://10.1.2.3/", "10.0.0.0/8", false),
        ("https://11.1.2.3/", "10.0.0.0/8", true), ("https://10.1.2.3/", "10.1.2.3", false),
        ("https://a.b.example/", "*.b.example", false),
    ])
    func exceptionsAreGos(address: String, exceptions: String, isProxied: Bool) throws {
        let settings = ProxySettings(https: "proxy.example:3128", exceptions: exceptions)
        #expect(try proxy(settings, address) == (isProxied ? "http://proxy.example:3128" : nil))
    }

    @Test func theEnvironmentIsRead() throws {
        let variables = ["HTTP_PROXY": "http://a:1", "https_proxy": "http://u:p@b:2", "NO_PROXY": "", "no_proxy": "x"]
        let settings = ProxySettings { variables[$0] }
        #expect(settings == ProxySettings(http: "http://a:1", https: "http://u:p@b:2", exceptions: "x"))
        #expect(settings.shown.https == "http://xxxxx:xxxxx@b:2")
        #expect(try proxy(settings, "http://h.example/") == "http://a:1")
        #expect(throws: RegistryFailure.self) { try proxy(ProxySettings(https: "socks5://x:1"), "https://h.example/") }
    }

    private func fetch(_ address: String, _ proxies: ProxySettings, certificates: String? = nil) async throws -> String
    {
        let settings = RegistrySettings(
            certificateFolders: certificates.map { [$0] } ?? [], idleTimeout: .seconds(60), proxies: proxies)
        var content: [UInt8] = []
        _ = try await RemoteFiles(settings: settings).fetch(address, atMost: 1 << 20) { (bytes, _) in content += bytes }
        return String(decoding: content, as: UTF8.self)
    }

    @Test func aProxyPassesPlainRequestsOn() async throws {
        let proxy = try HTTPResponder { request, connection in
            HTTPResponder.answer(connection, body: Array(request.path.utf8))
        }
        let content = try await fetch(
            "http://nowhere.invalid/a?b=c", ProxySettings(http: "http://user:word@\(proxy.address)"))
        #expect(content == "http://nowhere.invalid/a?b=c")
        let request = try #require(proxy.requests.first)
        #expect(request.headers["host"] == "nowhere.invalid")
        #expect(request.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk")
    }

    @Test func aProxyLendsATunnel() async throws {
        let folder = try ScratchFolder(prefix: "tunnel")
        defer { folder.remove() }
        let authority = folder.path + "/nowhere.invalid"
        try FileManager.default.createDirectory(atPath: authority, withIntermediateDirectories: true)
        let made = try await Program(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-keyout", folder.path + "/key.pem", "-out", authority + "/ca.crt", "-subj", "/CN=nowhere.invalid"]
                + ["-addext", "subjectAltName=DNS:nowhere.invalid"]
        ).run()
        #expect(made.status == 0, "\(made.errors)")
        let port = try LoopbackServer.freePort()
        try Data("through the tunnel\n".utf8).write(to: folder.url("file"))
        // Two connections: the one that shows that it is there, and that of the tunnel.
        async let served = Program(
            "env",
            ["-C", folder.path, "timeout", "20", "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-WWW"]
                + ["-key", "key.pem", "-cert", authority + "/ca.crt", "-naccept", "2"]
        ).run()
        for _ in 0..<500 {
            let probe = LoopbackServer.connect(to: port)
            if probe >= 0 {
                close(probe)
                break
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        let proxy = try HTTPResponder { request, client in
            guard request.method == "CONNECT", request.path == "nowhere.invalid:443" else { return }
            let target = LoopbackServer.connect(to: port)
            guard LoopbackServer.send(Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8), to: client) else {
                return
            }
            Thread.detachNewThread { Self.copy(client, target) }
            Self.copy(target, client)
            close(target)
        }
        let content = try await fetch(
            "https://nowhere.invalid/file", ProxySettings(https: proxy.address), certificates: folder.path)
        #expect(content == "through the tunnel\n")
        _ = try await served
    }

    private static func copy(_ source: Int32, _ target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, LoopbackServer.send(buffer[..<count], to: target) else { break }
        }
        shutdown(target, Int32(SHUT_WR))
    }

    @Test func aProxyThatRefusesIsNamed() async throws {
        let proxy = try HTTPResponder { _, connection in HTTPResponder.answer(connection, "403 Forbidden") }
        let failure = await #expect(throws: RegistryFailure.self) {
            try await fetch("https://nowhere.invalid/x", ProxySettings(https: proxy.address))
        }
        #expect(failure?.message == "Get \"https://nowhere.invalid/x\": proxyconnect tcp: 403 Forbidden")
        let gone = try LoopbackServer.freePort()
        let unreachable = await #expect(throws: RegistryFailure.self) {
            try await fetch("https://nowhere.invalid/x", ProxySettings(https: "127.0.0.1:\(gone)"))
        }
        #expect(unreachable?.message.contains("proxyconnect tcp: dial tcp 127.0.0.1:\(gone)") == true)
    }
}
