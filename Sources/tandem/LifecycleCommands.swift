// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import TandemModel

/// Does the same to several objects: prints each name that worked, reports each that did not, and fails if any did.
enum ForEach {
    static func run(_ names: [String], quiet: Bool = false, _ body: (String) async throws(ClientError) -> Void)
        async throws
    {
        var hasFailed = false
        for name in names {
            do throws(ClientError) {
                try await body(name)
                if !quiet { Output.line(name) }
            } catch {
                Output.error(error.message, hint: error.hint)
                hasFailed = true
            }
        }
        if hasFailed { throw CommandFailure(1) }
    }
}

struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "start", abstract: "Start containers or VMs.")

    @Flag(name: .shortAndLong, help: "Show what it writes, and pass signals on.")
    var attach = false

    @Flag(name: .shortAndLong, help: "Feed it from standard input.")
    var interactive = false

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        guard attach || interactive else {
            return try await ForEach.run(container) { (name) throws(ClientError) in
                try await client.request("POST", "/containers/\(TandemClient.encode(name))/start")
            }
        }
        guard container.count == 1, let name = container.first else {
            throw CommandFailure(1, "you cannot start and attach multiple containers at once")
        }
        let document = try await client.request("GET", "/containers/\(TandemClient.encode(name))/json").json
        let id = document["Id"].string ?? name
        let session = AttachedSession(
            client: client, id: id, isTerminal: document["Config"]["Tty"].bool ?? false, takesInput: interactive,
            proxiesSignals: true)
        let code = try await session.run(untilRemoved: false) { () throws(ClientError) in
            try await client.request("POST", "/containers/\(id)/start")
        }
        if code != 0 { throw CommandFailure(code) }
    }
}

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stop", abstract: "Stop containers or VMs.")

    @Option(
        name: [.customShort("t"), .long, .customLong("timeout")], parsing: .unconditional,
        help: "Seconds before SIGKILL; -1 waits for ever.")
    var time: Int?

    @Option(name: .shortAndLong, help: "Signal to send first.")
    var signal: String?

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        var query: [(String, String)] = []
        if let time { query.append(("t", String(time))) }
        if let signal { query.append(("signal", signal)) }
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("POST", "/containers/\(TandemClient.encode(name))/stop", query: query)
        }
    }
}

struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Send a signal to containers or VMs.")

    @Option(name: .shortAndLong, help: "Signal by name or number.")
    var signal = "KILL"

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        let signal = signal
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request(
                "POST", "/containers/\(TandemClient.encode(name))/kill", query: [("signal", signal)])
        }
    }
}

struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop and start containers or VMs.")

    @Option(
        name: [.customShort("t"), .long, .customLong("timeout")], parsing: .unconditional,
        help: "Seconds before SIGKILL.")
    var time: Int?

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        let query = time.map { [("t", String($0))] } ?? []
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("POST", "/containers/\(TandemClient.encode(name))/restart", query: query)
        }
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Freeze all processes of containers or VMs.")

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("POST", "/containers/\(TandemClient.encode(name))/pause")
        }
    }
}

struct UnpauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpause", abstract: "Let frozen containers or VMs go on.")

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("POST", "/containers/\(TandemClient.encode(name))/unpause")
        }
    }
}

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove containers or VMs.")

    @Flag(name: .shortAndLong, help: "Kill it first if it runs.")
    var force = false

    @Flag(name: .shortAndLong, help: "Remove its anonymous volumes too.")
    var volumes = false

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        let query = [("force", force ? "1" : "0"), ("v", volumes ? "1" : "0")]
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("DELETE", "/containers/\(TandemClient.encode(name))", query: query)
        }
    }
}

struct RenameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename", abstract: "Give a container or VM another name.")

    @Argument(help: "Name or id.")
    var container: String

    @Argument(help: "The new name.")
    var name: String

    func run() async throws {
        try await Daemon.client().request(
            "POST", "/containers/\(TandemClient.encode(container))/rename", query: [("name", name)])
    }
}

struct UpdateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Change limits and the restart policy of containers or VMs.")

    @Option(name: .shortAndLong, help: "Memory; of a VM only while it is stopped.")
    var memory: String?

    @Option(parsing: .unconditional, help: "Memory and swap together; -1 for no limit.")
    var memorySwap: String?

    @Option(help: "Memory that is kept if there is any.")
    var memoryReservation: String?

    @Option(help: "Processors; of a running VM at most as many as it has.")
    var cpus: Double?

    @Option(name: [.customShort("c", allowingJoined: true), .long], help: "Share of the processors under load.")
    var cpuShares: Int?

    @Option(help: "Processors by number, for example 0-1.")
    var cpusetCpus: String?

    @Option(parsing: .unconditional, help: "Most processes and threads.")
    var pidsLimit: Int?

    @Option(help: "When to start it again: no, always, unless-stopped or on-failure[:N].")
    var restart: String?

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        var body: JSONValue = [:]
        if let restart { body["RestartPolicy"] = try RestartOption.parse(restart) }
        if memorySwap == "-1" { body["MemorySwap"] = -1 }
        for (field, flag, text) in [
            ("Memory", "memory", memory), ("MemorySwap", "memory-swap", memorySwap == "-1" ? nil : memorySwap),
            ("MemoryReservation", "memory-reservation", memoryReservation),
        ] {
            guard let text else { continue }
            guard let size = ByteCount(dockerText: text) else {
                throw CommandFailure(125, "invalid argument \"\(text)\" for \"--\(flag)\": invalid size")
            }
            body[field] = .count(size.bytes)
        }
        if let cpus { body["NanoCpus"] = .integer(Int64(cpus * 1e9)) }
        if let cpuShares { body["CpuShares"] = .count(cpuShares) }
        if let cpusetCpus { body["CpusetCpus"] = .string(cpusetCpus) }
        if let pidsLimit { body["PidsLimit"] = .count(pidsLimit) }
        let settled = body
        let client = try await Daemon.client()
        try await ForEach.run(container) { (name) throws(ClientError) in
            try await client.request("POST", "/containers/\(TandemClient.encode(name))/update", body: settled)
        }
    }
}

struct WaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until containers or VMs end, and print their exit codes.")

    @Argument(help: "Names or ids.")
    var container: [String]

    func run() async throws {
        let client = try await Daemon.client()
        try await ForEach.run(container, quiet: true) { (name) throws(ClientError) in
            let response = try await client.request("POST", "/containers/\(TandemClient.encode(name))/wait")
            Output.line(String(response.json["StatusCode"].integer ?? 0))
        }
    }
}
