// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc
import TandemModel

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build an image from a Dockerfile.",
        discussion: "Commands run in containers, or with --vm in VMs that have a kernel of their own.")

    @Flag(help: "Execute RUN in VMs.")
    var vm = false

    @Option(help: "Kind of workload by name: container or vm.")
    var runtime: String?

    @Option(name: .shortAndLong, help: "Path of the Dockerfile; - reads standard input.")
    var file: String?

    @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME[:TAG] of the image.")
    var tag: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "NAME=value; without a value, that of the environment.")
    var buildArg: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Label of the image.")
    var label: [String] = []

    @Option(help: "The last stage to build.")
    var target: String?

    @Flag(help: "Take nothing from earlier builds.")
    var noCache = false

    @Option(parsing: .unconditionalSingleValue, help: "Image whose steps may be taken over.")
    var cacheFrom: [String] = []

    @Option(help: ArgumentHelp("false: keep the workloads of commands.", valueName: "bool"))
    var rm = true

    @Option(help: ArgumentHelp("false: keep the workload of a command that fails.", valueName: "bool"))
    var forceRm: Bool?

    @Flag(help: "Ask for newer base images.")
    var pull = false

    @Flag(name: .shortAndLong, help: "Show only the id.")
    var quiet = false

    @Option(help: "File for the id of the image.")
    var iidfile: String?

    @Option(help: "Network of commands: by name, none, host, or container:NAME.")
    var network: String?

    @Option(help: "auto or plain: both are plain.")
    var progress = "auto"

    @Option(help: "Platform of the image: only this machine's.")
    var platform: String?

    @Option(name: .shortAndLong, help: "Memory limit of commands, for example 512m.")
    var memory: String?

    @Option(help: "Processors of commands, for example 0-1.")
    var cpusetCpus: String?

    @Option(help: "Size of /dev/shm of commands.")
    var shmSize: String?

    @Option(parsing: .unconditionalSingleValue, help: "NAME:ADDRESS for /etc/hosts of commands.")
    var addHost: [String] = []

    @Argument(help: "Folder, address of an archive, Dockerfile or git repository, or - for standard input.")
    var path: String

    func validate() throws {
        guard !vm || runtime == nil || runtime == "vm" else {
            throw ValidationError("--vm and --runtime \(runtime ?? "") contradict each other")
        }
        guard ["auto", "plain", "tty"].contains(progress) else {
            throw ValidationError("invalid progress: \(progress)")
        }
        guard file != "-" || path != "-" else {
            throw ValidationError("invalid argument: can't use stdin for both build context and dockerfile")
        }
    }

    func run() async throws {
        let context = try await ContextSource.open(path, dockerfile: file)
        var query = try query(dockerfile: context.dockerfile)
        if let remote = context.remote { query.append(("remote", remote)) }
        let printer = BuildPrinter(quiet: quiet)
        try await Daemon.client().upload("POST", "/build", query: query) {
            try await context.next()
        } receive: { (response) throws(ClientError) in
            while let bytes = try await response.next() { printer.take(bytes) }
        }
        if let failure = printer.failure { throw failure }
        guard let id = printer.image else { throw CommandFailure(1, "the daemon has not named an image") }
        if quiet { Output.line(id) }
        guard let iidfile else { return }
        do {
            try Data(id.utf8).write(to: URL(filePath: iidfile))
        } catch {
            throw CommandFailure(1, "the id cannot be written to '\(iidfile)'", hint: "Check the path.")
        }
    }

    private func query(dockerfile: String) throws -> [(String, String)] {
        // Unlike docker, nothing stays of a command that fails unless that is wanted.
        var query = [
            ("dockerfile", dockerfile), ("defaultimage", "1"), ("rm", rm ? "1" : "0"),
            ("forcerm", forceRm ?? rm ? "1" : "0"),
        ]
        query += tag.map { ("t", $0) }
        let arguments = Dictionary(buildArg.map(Self.argument), uniquingKeysWith: { $1 })
        if !arguments.isEmpty { query.append(("buildargs", Self.text(.object(arguments)))) }
        let labels = Dictionary(label.map(Self.pair), uniquingKeysWith: { $1 })
        if !labels.isEmpty { query.append(("labels", Self.text(.map(labels)))) }
        if !cacheFrom.isEmpty { query.append(("cachefrom", Self.text(.strings(cacheFrom)))) }
        for (name, isSet) in [("nocache", noCache), ("pull", pull), ("q", quiet)] where isSet {
            query.append((name, "1"))
        }
        for (name, value) in [
            ("target", target), ("networkmode", network), ("platform", platform), ("cpusetcpus", cpusetCpus),
            ("runtime", vm ? "vm" : runtime),
        ] {
            if let value { query.append((name, value)) }
        }
        for (name, value) in [("memory", memory), ("shmsize", shmSize)] {
            guard let value else { continue }
            guard let size = ByteCount(dockerText: value) else { throw ValidationError("invalid size: '\(value)'") }
            query.append((name, String(size.bytes)))
        }
        if !addHost.isEmpty { query.append(("extrahosts", addHost.joined(separator: ","))) }
        return query
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.encoded(), as: UTF8.self) }

    private static func pair(_ text: String) -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }

    private static func argument(_ text: String) -> (String, JSONValue) {
        guard !text.contains("=") else {
            let (name, value) = pair(text)
            return (name, .string(value))
        }
        return (text, getenv(text).map { .string(String(cString: $0)) } ?? .null)
    }
}

/// Shows what a build tells, line for line.
final class BuildPrinter {
    private let quiet: Bool
    private var rest: [UInt8] = []
    private var transfers: TransferDisplay
    /// The id of the image, once it is there.
    private(set) var image: String?
    /// Why the build came to nothing.
    private(set) var failure: CommandFailure?

    init(quiet: Bool) {
        self.quiet = quiet
        transfers = TransferDisplay(isQuiet: quiet)
    }

    func take(_ bytes: [UInt8]) {
        rest += bytes
        while let end = rest.firstIndex(of: 0x0A) {
            let line = Data(rest[..<end])
            rest.removeSubrange(...end)
            show(JSONValue(parsing: line) ?? .null)
        }
    }

    private func show(_ document: JSONValue) {
        transfers.show(document)
        if let id = document["aux"]["ID"].string { image = id }
        if let text = document["stream"].string {
            if quiet {
                image = String(text.prefix { !$0.isWhitespace })
            } else {
                Output.write(text)
            }
        }
        guard let message = document["error"].string else { return }
        let code = Int32(clamping: document["errorDetail"]["code"].integer ?? 1)
        failure = CommandFailure(code == 0 ? 1 : code, message, hint: document["hint"].string)
    }
}
