// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc
import OCI
import TandemModel

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", _superCommandName: "tandem",
        abstract: "Create a container or VM, start it, and show what it writes.",
        usage: "tandem run [--vm] [OPTIONS] IMAGE [COMMAND] [ARG...]", helpNames: .long)

    @OptionGroup var options: CreateOptions

    @Flag(name: .shortAndLong, help: "Leave it running, and print its id.")
    var detach = false

    @Flag(inversion: .prefixedNo, help: "Pass signals on to it.")
    var sigProxy = true

    func run() async throws {
        let client = try await Daemon.client()
        var body = try options.body()
        try Creation.checkIDFile(options)
        var query = options.query
        do {
            if detach {
                query.append(("detach", "1"))
                let id = try await Creation.withImage(options, client) { () throws(ClientError) in
                    try await client.request("POST", "/tandem/run", query: query, body: body).json["Id"].string ?? ""
                }
                Creation.writeIDFile(options, id)
                return Output.line(id)
            }
            if options.tty && options.interactive && !Output.isTerminal(STDIN_FILENO) {
                throw CommandFailure(1, "the input device is not a TTY", hint: "Leave out -t, or run it in a terminal.")
            }
            if options.tty {
                let size = RawTerminal.size()
                if size.rows > 0 {
                    body["HostConfig"]["ConsoleSize"] = [.count(size.rows), .count(size.columns)]
                }
            }
            let call = call(client, query, body)
            let code = try await Creation.withImage(options, client) { () throws(ClientError) in
                try await call.run()
            }
            if code != 0 { throw CommandFailure(code) }
        } catch let error as ClientError {
            throw Creation.failure(error)
        }
    }

    private func call(_ client: TandemClient, _ query: [(String, String)], _ body: JSONValue) -> ProcessCall {
        let passesSignals = sigProxy && !(options.tty && options.interactive)
        let options = options
        return ProcessCall(
            client: client, path: "/tandem/run", query: query, body: body, isTerminal: options.tty,
            takesInput: options.interactive, resizePath: { "/containers/\($0)/resize" },
            passedSignals: passesSignals ? SignalWatch.passedByRun : [],
            onIdentified: { Creation.writeIDFile(options, $0) })
    }
}

struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a container or VM without starting it.",
        usage: "tandem create [--vm] [OPTIONS] IMAGE [COMMAND] [ARG...]", helpNames: .long)

    @OptionGroup var options: CreateOptions

    func run() async throws {
        let client = try await Daemon.client()
        Output.line(try await Creation.create(options, client))
    }
}

/// What `run` and `create` have in common.
enum Creation {
    static func create(_ options: CreateOptions, _ client: TandemClient) async throws -> String {
        try checkIDFile(options)
        let body = try options.body()
        let query = options.query
        do throws(ClientError) {
            let id = try await withImage(options, client) { () throws(ClientError) in
                try await client.request("POST", "/containers/create", query: query, body: body).json["Id"].string
                    ?? ""
            }
            writeIDFile(options, id)
            return id
        } catch {
            throw CommandFailure(125, error.message, hint: error.hint)
        }
    }

    static func checkIDFile(_ options: CreateOptions) throws {
        guard let path = options.cidfile, access(path, F_OK) == 0 else { return }
        throw CommandFailure(
            125, "container ID file found, make sure the other container isn't running or delete \(path)")
    }

    /// The workload is there by now: what cannot be written is said, and it goes on.
    static func writeIDFile(_ options: CreateOptions, _ id: String) {
        guard let path = options.cidfile else { return }
        do {
            try id.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            Output.error("the id cannot be written to '\(path)': \(error)", hint: "Its id is \(id).")
        }
    }

    /// An image that is not there yet is fetched, unless told otherwise; the default image is made.
    static func withImage<Value>(
        _ options: CreateOptions, _ client: TandemClient, _ attempt: () async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let name = options.imageAndCommand.first ?? ""
        if options.pull == "always" { try await fetch(name, options, client) }
        do throws(ClientError) {
            return try await attempt()
        } catch {
            guard error.status == 404, error.code == "not_found", options.pull == "missing" else { throw error }
            if options.platform == nil, try await client.makeDefaultImage(meantBy: name) { return try await attempt() }
            // What cannot be a name in a registry was not meant as one.
            guard let reference = try? Reference(name) else { throw error }
            if !options.quiet {
                Output.write("Unable to find image '\(reference)' locally\n", to: STDERR_FILENO)
            }
            try await fetch(name, options, client)
            return try await attempt()
        }
    }

    private static func fetch(
        _ name: String, _ options: CreateOptions, _ client: TandemClient
    ) async throws(ClientError) {
        let reference: Reference
        do throws(EngineError) {
            reference = try Reference(name)
        } catch {
            throw ClientError(status: 400, message: error.message, hint: error.hint, code: error.code.description)
        }
        try await Pull.run(
            reference, platform: options.platform, client: client,
            display: TransferDisplay(on: STDERR_FILENO, isQuiet: options.quiet))
    }

    /// A command that cannot be executed has docker's own codes.
    static func failure(_ error: ClientError) -> CommandFailure {
        let code: Int32 =
            switch error.code {
            case "command_not_found": 127
            case "command_not_executable": 126
            default: 125
            }
        return CommandFailure(code, error.message, hint: error.hint)
    }
}
