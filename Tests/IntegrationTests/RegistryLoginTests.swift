// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Registries that want to know who asks: passwords, tokens, private authorities, credential helpers.
@Suite(.daemonOnHostNetwork, .serialized)
struct RegistryLoginTests {
    private let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func tandem(
        _ daemon: Daemon, _ folder: ScratchFolder, _ arguments: [String], input: String = ""
    ) async throws -> Program.Result {
        try await Program(Binaries.path("tandem"), arguments).run(
            input: Data(input.utf8),
            environment: [
                "TANDEM_HOST": daemon.endpoint, "DOCKER_CONFIG": folder.path, "PATH": folder.path + ":/usr/bin:/bin",
            ])
    }

    private func authority(_ folder: ScratchFolder) async throws {
        let script = """
            cd \(folder.path)
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=authority
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost
            echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' >extensions
            openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.crt
            htpasswd -Bbn anna secret >passwords
            """
        let made = try await Program("sh", ["-ec", script]).run()
        #expect(made.status == 0, "\(made.errors)")
    }

    @Test func aPrivateAuthorityAndAPassword() async throws {
        let folder = try ScratchFolder(prefix: "login")
        defer { folder.remove() }
        try await authority(folder)
        var protection = RegistryServer.Protection()
        protection.certificate = (folder.path + "/server.crt", folder.path + "/server.key")
        protection.passwords = folder.path + "/passwords"
        let registry = try await RegistryServer(protection)
        // An address that is no loopback one by its name alone, so that certificates count.
        let host = "localhost:\(registry.port)"
        let certificates = "\(folder.path)/certs/\(host)"
        try FileManager.default.createDirectory(atPath: certificates, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder.path + "/ca.crt", toPath: certificates + "/ca.crt")
        let other = try await Daemon(flags: ["--registry-certificates", folder.path + "/certs"], onHostNetwork: true)
        #expect(try await other.tandem("image", "default").status == 0)
        let name = host + "/app:1"
        try await other.tandem("tag", "busybox", name)

        let refused = try await tandem(other, folder, ["push", name])
        #expect(refused.status == 1 && refused.errors.contains("no basic auth credentials"), "\(refused.errors)")
        let wrong = try await tandem(other, folder, ["login", "-u", "anna", "--password-stdin", host], input: "no\n")
        #expect(wrong.status == 1 && wrong.errors.contains("failed with status: 401 Unauthorized"), "\(wrong.errors)")
        let right = try await tandem(
            other, folder, ["login", "-u", "anna", "--password-stdin", host], input: "secret\n")
        #expect(right.output == "Login Succeeded\n", "\(right.errors)")
        #expect(right.errors.contains("stored unencrypted in \(folder.path)/config.json"))
        let stored = try String(contentsOf: folder.url("config.json"), encoding: .utf8)
        #expect(stored.contains(Data("anna:secret".utf8).base64EncodedString()))
        let rights = try FileManager.default.attributesOfItem(atPath: folder.path + "/config.json")[.posixPermissions]
        #expect(rights as? Int == 0o600)
        let pushed = try await tandem(other, folder, ["push", name])
        #expect(pushed.status == 0, "\(pushed.errors)")
        try await other.tandem("rmi", name)
        #expect(
            try await tandem(other, folder, ["run", "--rm", "--network", "none", name, "echo", "in"]).output == "in\n")
        // Docker's own client reads the same file.
        let docker = try await Program("docker", ["pull", name]).run(
            environment: ["DOCKER_HOST": other.endpoint, "DOCKER_CONFIG": folder.path])
        #expect(docker.output.contains("Image is up to date"), "\(docker.errors)")
        #expect(try await tandem(other, folder, ["logout", host]).output == "Removing login credentials for \(host)\n")
        #expect(try await tandem(other, folder, ["logout", host]).output == "Not logged in to \(host)\n")
        #expect(try await tandem(other, folder, ["pull", name]).status == 1)
        try await checkHelper(other, folder, host, name)
        await other.tearDown()
        await registry.stop()
    }

    /// A credential helper keeps the password, not the file.
    private func checkHelper(_ other: Daemon, _ folder: ScratchFolder, _ host: String, _ name: String) async throws {
        let helper = try folder.write(
            "docker-credential-test",
            """
            #!/bin/sh
            case $1 in
                store) cat >'\(folder.path)/kept' ;;
                get) read server; grep -q "$server" '\(folder.path)/kept' && cat '\(folder.path)/kept' ;;
                erase) rm '\(folder.path)/kept' ;;
            esac
            """)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: helper)
        _ = try folder.write("config.json", #"{"credHelpers":{"\#(host)":"test"},"psFormat":"kept"}"#)
        let login = try await tandem(other, folder, ["login", "-u", "anna", "--password-stdin", host], input: "secret")
        #expect(login.output == "Login Succeeded\n" && !login.errors.contains("unencrypted"), "\(login.errors)")
        let stored = try String(contentsOf: folder.url("config.json"), encoding: .utf8)
        #expect(stored.contains("psFormat") && !stored.contains("YW5uYTpzZWNyZXQ"))
        #expect(try await tandem(other, folder, ["pull", "-q", name]).output == name + "\n")
        _ = try await tandem(other, folder, ["logout", host])
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/kept"))
    }

    @Test func aTokenServer() async throws {
        let folder = try ScratchFolder(prefix: "token")
        defer { folder.remove() }
        let tokens = try await TokenServer(user: "anna", password: "secret")
        var protection = RegistryServer.Protection()
        protection.tokens = (tokens.realm, tokens.certificate)
        let registry = try await RegistryServer(protection)
        try await daemon.tandem("image", "default")
        let name = registry.address + "/public/app:1"
        try await daemon.tandem("tag", "busybox", name)
        let refused = try await tandem(daemon, folder, ["push", name])
        #expect(
            refused.status == 1 && refused.errors.contains("unauthorized: authentication required"), "\(refused.errors)"
        )
        let wrong = try await tandem(
            daemon, folder, ["login", "-u", "anna", "--password-stdin", registry.address], input: "no")
        #expect(wrong.status == 1 && wrong.errors.contains("401 Unauthorized"), "\(wrong.errors)")
        let right = try await tandem(
            daemon, folder, ["login", "-u", "anna", "--password-stdin", registry.address], input: "secret")
        #expect(right.output == "Login Succeeded\n", "\(right.errors)")
        let pushed = try await tandem(daemon, folder, ["push", name])
        #expect(pushed.status == 0, "\(pushed.errors)")
        #expect(tokens.requests.contains { $0.path.contains("scope=repository%3Apublic%2Fapp%3Apull%2Cpush") })
        let hidden = registry.address + "/hidden/app:1"
        try await daemon.tandem("tag", "busybox", hidden)
        let mounted = try await tandem(daemon, folder, ["push", hidden])
        #expect(mounted.lines.contains { $0.hasSuffix(": Mounted from public/app") }, "\(mounted.errors)")
        try await daemon.tandem("rmi", name, hidden)
        // Everybody may fetch what is public, and nothing else.
        let anonymous = try ScratchFolder(prefix: "nobody")
        defer { anonymous.remove() }
        #expect(try await tandem(daemon, anonymous, ["pull", "-q", name]).output == name + "\n")
        let denied = try await tandem(daemon, anonymous, ["pull", hidden])
        #expect(denied.status == 1 && denied.errors.contains("unauthorized"), "\(denied.errors)")
        try await daemon.tandem("rmi", name)
        tokens.stop()
        await registry.stop()
    }

    @Test func aMirrorIsAskedFirst() async throws {
        let registry = try await RegistryServer()
        let folder = try ScratchFolder(prefix: "mirror")
        defer { folder.remove() }
        let layout = try ImageLayout(folder.path)
        try layout.tag(
            try layout.add(image: [try await layout.add(tar: ImageLayout.tar("mirrored", [65]))]), as: "1")
        try await layout.push("1", to: registry.address + "/library/mirrored:1")
        let other = try await Daemon(flags: ["--registry-mirror", "http://" + registry.address], onHostNetwork: true)
        let pulled = try await other.tandem("pull", "mirrored:1")
        #expect(pulled.status == 0, "\(pulled.errors)")
        #expect(pulled.lines.first == "1: Pulling from library/mirrored")
        #expect(pulled.lines.last == "docker.io/library/mirrored:1")
        #expect(try await other.tandem("images", "--format", "{{.Repository}}:{{.Tag}}").lines == ["mirrored:1"])
        await other.tearDown()
        await registry.stop()
    }
}
