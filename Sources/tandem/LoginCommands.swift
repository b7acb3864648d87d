// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log in to a registry; Docker Hub if none is named.",
        usage: "tandem login [OPTIONS] [SERVER]")

    @Option(name: .shortAndLong, help: "User's name.")
    var username: String?

    @Option(name: .shortAndLong, help: "Password; others on this host may see it.")
    var password: String?

    @Flag(help: "Read the password from standard input.")
    var passwordStdin = false

    @Argument(help: "Host, and port if it has one.")
    var server: String?

    func run() async throws {
        let key = Self.key(server)
        var configuration = try DockerConfiguration()
        var credentials = try asked() ?? configuration.credentials(for: key) ?? [:]
        if credentials["username"].string == nil, credentials["identitytoken"].string == nil {
            credentials["username"] = .string(try username ?? Self.prompt("Username: ", hidden: false))
            credentials["password"] = .string(try Self.prompt("Password: ", hidden: true))
        }
        credentials["serveraddress"] = .string(key)
        let answer = try await Daemon.client().request("POST", "/auth", body: credentials).json
        if let token = answer["IdentityToken"].string, !token.isEmpty { credentials["identitytoken"] = .string(token) }
        try configuration.store(credentials, for: key)
        if !configuration.hasHelper(for: key) {
            Output.write(
                "WARNING! Your password will be stored unencrypted in \(configuration.path).\nConfigure a credential helper to remove this warning.\n",
                to: STDERR_FILENO)
        }
        Output.line(answer["Status"].string ?? "Login Succeeded")
    }

    /// What the flags say; `nil` if they say too little.
    private func asked() throws -> JSONValue? {
        guard !passwordStdin || password == nil else {
            throw CommandFailure(1, "--password and --password-stdin are mutually exclusive")
        }
        if passwordStdin {
            guard let username else {
                throw CommandFailure(1, "Must provide --username with --password-stdin", hint: "Add -u NAME.")
            }
            var text = ""
            while let line = readLine(strippingNewline: false) { text += line }
            while text.hasSuffix("\n") || text.hasSuffix("\r\n") { text.removeLast() }
            return ["username": .string(username), "password": .string(text)]
        }
        guard let password else { return username.map { _ in nil } ?? nil }
        Output.write(
            "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", to: STDERR_FILENO)
        return [
            "username": .string(try username ?? Self.prompt("Username: ", hidden: false)),
            "password": .string(password),
        ]
    }

    private static func prompt(_ text: String, hidden: Bool) throws -> String {
        guard Output.isTerminal(STDIN_FILENO) else {
            throw CommandFailure(
                1, "Cannot perform an interactive login from a non TTY device", hint: "Use -u and --password-stdin.")
        }
        Output.write(text, to: STDERR_FILENO)
        var before = termios()
        if hidden {
            tcgetattr(STDIN_FILENO, &before)
            var silent = before
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &silent)
        }
        defer {
            if hidden {
                tcsetattr(STDIN_FILENO, TCSANOW, &before)
                Output.write("\n", to: STDERR_FILENO)
            }
        }
        guard let line = readLine(), !line.isEmpty else {
            throw CommandFailure(1, hidden ? "password is required" : "username is required")
        }
        return line
    }

    /// The name of a registry in Docker's config file.
    static func key(_ server: String?) -> String {
        guard let server, !server.isEmpty else { return DockerConfiguration.hub }
        let host = DockerConfiguration.hostName(server)
        return ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(host) ? DockerConfiguration.hub : host
    }
}

struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "Forget what opens a registry; Docker Hub if none is named.",
        usage: "tandem logout [SERVER]")

    @Argument(help: "Host, and port if it has one.")
    var server: String?

    func run() async throws {
        let key = LoginCommand.key(server)
        var configuration = try DockerConfiguration()
        guard try configuration.credentials(for: key) != nil else { return Output.line("Not logged in to \(key)") }
        Output.line("Removing login credentials for \(key)")
        try configuration.erase(key)
    }
}
