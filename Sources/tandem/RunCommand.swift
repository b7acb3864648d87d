// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Create a container or VM, start it, and show what it writes.",
        usage: "tandem run [--vm] [OPTIONS] IMAGE [COMMAND] [ARG...]", helpNames: .long)

    @OptionGroup var options: CreateOptions

    @Flag(name: .shortAndLong, help: "Leave it running, and print its id.")
    var detach = false

    @Flag(inversion: .prefixedNo, help: "Pass signals on to it.")
    var sigProxy = true

    func run() async throws {
        let client = try await Daemon.client()
        let id = try await Creation.create(options, client)
        if detach {
            try await Creation.start(id, client)
            return Output.line(id)
        }
        let session = AttachedSession(
            client: client, id: id, isTerminal: options.tty, takesInput: options.interactive, proxiesSignals: sigProxy)
        let code = try await session.run(untilRemoved: options.rm) { () throws(ClientError) in
            try await client.request("POST", "/containers/\(id)/start")
        }
        if code != 0 { throw CommandFailure(code) }
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

/// What `run` and `create` do first.
enum Creation {
    static func create(_ options: CreateOptions, _ client: TandemClient) async throws -> String {
        if let path = options.cidfile, access(path, F_OK) == 0 {
            throw CommandFailure(
                125, "container ID file found, make sure the other container isn't running or delete \(path)")
        }
        let body = try options.body()
        let query = options.name.map { [("name", $0)] } ?? []
        do {
            let id = try await Self.request(client, query, body)
            if let path = options.cidfile {
                do {
                    try id.write(toFile: path, atomically: true, encoding: .utf8)
                } catch {
                    throw CommandFailure(125, "the id cannot be written to '\(path)': \(error)")
                }
            }
            return id
        } catch let error as ClientError {
            throw CommandFailure(125, error.message, hint: error.hint)
        }
    }

    /// The default image is made when it is asked for and not there yet.
    private static func request(
        _ client: TandemClient, _ query: [(String, String)], _ body: JSONValue
    ) async throws(ClientError) -> String {
        do throws(ClientError) {
            return try await client.request("POST", "/containers/create", query: query, body: body).json["Id"].string
                ?? ""
        } catch {
            let isDefault = ["busybox", "busybox:latest"].contains(body["Image"].string ?? "")
            guard error.status == 404, isDefault else { throw error }
            try await client.request("POST", "/tandem/images/default")
            return try await client.request("POST", "/containers/create", query: query, body: body).json["Id"].string
                ?? ""
        }
    }

    static func start(_ id: String, _ client: TandemClient) async throws {
        do throws(ClientError) {
            try await client.request("POST", "/containers/\(id)/start")
        } catch {
            throw failure(error)
        }
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
