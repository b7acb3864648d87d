// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Debian's `docker-registry` on a port of this machine, with a folder of its own.
public final class RegistryServer: Sendable {
    /// How it is protected.
    public struct Protection: Sendable {
        /// Paths of a certificate and its key, for TLS.
        public var certificate: (String, String)?
        /// Path of a file of htpasswd(1).
        public var passwords: String?
        /// Address of a token server, and the path of the certificate that its tokens are signed for.
        public var tokens: (realm: String, certificate: String)?

        /// Not at all.
        public init() {}
    }

    /// The port.
    public let port: Int
    private let folder: ScratchFolder
    private let process: ChildProcess

    /// Starts it, and waits until it answers.
    public init(_ protection: Protection = Protection()) async throws {
        folder = try ScratchFolder(prefix: "registry")
        port = try LoopbackServer.freePort()
        var text = """
            version: 0.1
            log: {level: error}
            storage:
              delete: {enabled: true}
              filesystem: {rootdirectory: \(folder.path)/data}
            http:
              addr: 127.0.0.1:\(port)

            """
        if let (certificate, key) = protection.certificate {
            text += "  tls: {certificate: \(certificate), key: \(key)}\n"
        }
        if let passwords = protection.passwords {
            text += "auth:\n  htpasswd: {realm: test, path: \(passwords)}\n"
        }
        if let (realm, certificate) = protection.tokens {
            text +=
                "auth:\n  token: {realm: \(realm), service: test, issuer: test, rootcertbundle: \(certificate)}\n"
        }
        let settings = try folder.write("config.yml", text)
        let log = try folder.write("log", "")
        process = try ChildProcess(
            "/usr/bin/docker-registry", ["serve", settings], output: log, errors: log)
        for _ in 0..<1_000 {
            let connection = LoopbackServer.connect(to: port)
            if connection >= 0 {
                close(connection)
                return
            }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        let text2 = try String(contentsOf: folder.url("log"), encoding: .utf8)
        throw Daemon.Failure(description: "docker-registry did not answer:\n\(text2)")
    }

    /// `127.0.0.1:port`.
    public var address: String { "127.0.0.1:\(port)" }

    /// Forgets everything that was pushed.
    public func empty() throws { try FileManager.default.removeItem(atPath: folder.path + "/data") }

    /// Ends it and removes what it has.
    public func stop() async {
        process.signal(SIGKILL)
        _ = await process.end()
        folder.remove()
    }
}
