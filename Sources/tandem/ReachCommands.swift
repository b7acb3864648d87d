// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", _superCommandName: "tandem", abstract: "Run a command in a container or VM that runs.",
        usage: "tandem exec [OPTIONS] CONTAINER COMMAND [ARG...]", helpNames: .long)

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
        // What is passed on takes this word with it.
        guard containerAndCommand.first != "--help" else { throw CleanExit.helpRequest(self) }
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
        var body: JSONValue = [
            "Cmd": .strings(Array(containerAndCommand.dropFirst())), "AttachStdin": .bool(interactive),
            "AttachStdout": true,
            "AttachStderr": true, "Tty": .bool(tty), "Env": .strings(env.compactMap(CreateOptions.variable)),
            "WorkingDir": .string(workdir ?? ""), "User": .string(user ?? ""), "Privileged": .bool(privileged),
        ]
        let size = RawTerminal.size()
        if tty && size.rows > 0 { body["ConsoleSize"] = [.count(size.rows), .count(size.columns)] }
        let code: Int32
        do throws(ClientError) {
            code = try await start(body, client)
        } catch {
            let failure = Creation.failure(error)
            // As docker: what is wrong with the container is 1, what is wrong with the command 126 or 127.
            throw CommandFailure(failure.code == 125 ? 1 : failure.code, error.message, hint: error.hint)
        }
        if code != 0 { throw CommandFailure(code) }
    }

    private func start(_ body: JSONValue, _ client: TandemClient) async throws(ClientError) -> Int32 {
        let container = TandemClient.encode(containerAndCommand[0])
        if detach {
            let id =
                try await client.request("POST", "/containers/\(container)/exec", body: body).json["Id"].string ?? ""
            try await client.request("POST", "/exec/\(id)/start", body: ["Detach": true, "Tty": .bool(tty)])
            return 0
        }
        return try await ProcessCall(
            client: client, path: "/tandem/containers/\(container)/exec", body: body, isTerminal: tty,
            takesInput: interactive, resizePath: { "/exec/\($0)/resize" }
        ).run()
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
