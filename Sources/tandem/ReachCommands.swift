// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a command in a container or VM that runs.",
        usage: "tandem exec [OPTIONS] CONTAINER COMMAND [ARG...]")

    @Flag(name: .shortAndLong, help: "Leave it running.")
    var detach = false

    @Flag(name: .shortAndLong, help: "Feed it from standard input.")
    var interactive = false

    @Flag(name: .shortAndLong, help: "Give it a terminal.")
    var tty = false

    @Option(
        name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
        help: "Environment variable.")
    var env: [String] = []

    @Option(name: [.customShort("w", allowingJoined: true), .long], help: "Folder in which it starts.")
    var workdir: String?

    @Option(name: [.customShort("u", allowingJoined: true), .long], help: "User and group.")
    var user: String?

    @Flag(help: "All capabilities.")
    var privileged = false

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Container, command and its arguments.", valueName: "container"))
    var containerAndCommand: [String] = []

    func validate() throws {
        guard containerAndCommand.count >= 2 else {
            throw ValidationError("\"tandem exec\" requires at least 2 arguments: CONTAINER COMMAND [ARG...]")
        }
        guard let first = containerAndCommand.first, !first.hasPrefix("-") else {
            throw ValidationError("unknown flag: \(containerAndCommand.first ?? "")")
        }
    }

    func run() async throws {
        let client = try await Daemon.client()
        if tty && interactive && !Output.isTerminal(STDIN_FILENO) {
            throw CommandFailure(1, "the input device is not a TTY", hint: "Leave out -t, or run it in a terminal.")
        }
        let body: JSONValue = [
            "Cmd": .strings(Array(containerAndCommand.dropFirst())), "AttachStdin": .bool(interactive),
            "AttachStdout": true,
            "AttachStderr": true, "Tty": .bool(tty), "Env": .strings(env.compactMap(CreateOptions.variable)),
            "WorkingDir": .string(workdir ?? ""), "User": .string(user ?? ""), "Privileged": .bool(privileged),
        ]
        do throws(ClientError) {
            let path = "/containers/\(TandemClient.encode(containerAndCommand[0]))/exec"
            let id = try await client.request("POST", path, body: body).json["Id"].string ?? ""
            let code = try await start(id, client)
            if code != 0 { throw ClientError(status: 0, message: "", code: "exit:\(code)") }
        } catch {
            if error.code.hasPrefix("exit:") { throw CommandFailure(Int32(error.code.dropFirst(5)) ?? 1) }
            let failure = Creation.failure(error)
            // As docker: what is wrong with the container is 1, what is wrong with the command 126 or 127.
            throw CommandFailure(failure.code == 125 ? 1 : failure.code, error.message, hint: error.hint)
        }
    }

    private func start(_ id: String, _ client: TandemClient) async throws(ClientError) -> Int32 {
        if detach {
            try await client.request("POST", "/exec/\(id)/start", body: ["Detach": true, "Tty": .bool(tty)])
            return 0
        }
        let raw = tty && interactive ? RawTerminal() : nil
        defer { raw?.restore() }
        let size = RawTerminal.size()
        var body: JSONValue = ["Detach": false, "Tty": .bool(tty)]
        if tty && size.rows > 0 { body["ConsoleSize"] = [.count(size.rows), .count(size.columns)] }
        let watch = SignalWatch(tty ? [SIGWINCH] : []) { _ in
            let size = RawTerminal.size()
            Task {
                // A size that does not arrive is no failure.
                _ = try? await client.request(
                    "POST", "/exec/\(id)/resize", query: [("h", String(size.rows)), ("w", String(size.columns))])
            }
        }
        defer { withExtendedLifetime(watch) {} }
        let end = try await client.hijack("/exec/\(id)/start", body: body) { (connection) throws(ClientError) in
            try await ProcessStream(isTerminal: tty, takesInput: interactive).run(connection)
        }
        guard end == .finished else { return 0 }
        return Int32(
            truncatingIfNeeded: try await client.request("GET", "/exec/\(id)/json").json["ExitCode"].integer ?? 0)
    }
}

struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Join the streams of a container or VM that runs.")

    @Flag(help: "Do not feed it.")
    var noStdin = false

    @Flag(inversion: .prefixedNo, help: "Pass signals on to it.")
    var sigProxy = true

    @Argument(help: "Name or id.")
    var container: String

    func run() async throws {
        let client = try await Daemon.client()
        let document = try await client.request("GET", "/containers/\(TandemClient.encode(container))/json").json
        guard document["State"]["Running"].bool == true else {
            throw CommandFailure(
                1, "You cannot attach to a stopped container, start it first", hint: "tandem start \(container)")
        }
        let session = AttachedSession(
            client: client, id: document["Id"].string ?? container, isTerminal: document["Config"]["Tty"].bool ?? false,
            takesInput: !noStdin && document["Config"]["OpenStdin"].bool == true, proxiesSignals: sigProxy)
        let code = try await session.run(untilRemoved: false) { () throws(ClientError) in nil }
        if code != 0 { throw CommandFailure(code) }
    }
}
