// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this host can do, and why not.")

    @Flag(help: "As JSON.")
    var json = false

    func run() async throws {
        let report = try await Daemon.client().request("GET", "/tandem/report").json
        if json { return Output.line(String(decoding: report.encoded(pretty: true), as: UTF8.self)) }
        let memory = Size.binary(report["memory"].integer ?? 0)
        Output.line(
            "\(report["operatingSystem"].string ?? ""), Linux \(report["kernel"].string ?? ""), \(report["processors"].integer ?? 0) processors, \(memory)"
        )
        var isUsable = true
        for backend in report["backends"].array ?? [] {
            let usable = backend["usable"].bool ?? false
            isUsable = isUsable && usable
            Output.line("\n\(backend["kind"].string ?? ""): \(usable ? "works" : "does not work")")
            for check in backend["checks"].array ?? [] {
                let outcome = check["outcome"].string ?? ""
                Output.line("  \(Self.mark(outcome)) \(check["name"].string ?? ""): \(check["detail"].string ?? "")")
                if let hint = check["hint"].string { Output.line("      \(hint)") }
            }
        }
        if !isUsable { throw CommandFailure(1) }
    }

    private static func mark(_ outcome: String) -> String {
        let (text, color) =
            switch outcome {
            case "ok": ("ok  ", "32")
            case "degraded": ("less", "33")
            default: ("no  ", "31")
            }
        return Output.isTerminal(STDOUT_FILENO) ? "\u{1B}[\(color)m\(text)\u{1B}[0m" : text
    }
}

struct KernelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel", abstract: "Show and choose what VMs boot.", subcommands: [List.self, Use.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List the guest kernels of this host.")

        @Flag(help: "As JSON.")
        var json = false

        func run() async throws {
            let kernels = try await Daemon.client().request("GET", "/tandem/kernels").json
            if json { return Output.line(String(decoding: kernels.encoded(pretty: true), as: UTF8.self)) }
            Output.table(
                ["NAME", "RELEASE", "SIZE", "USED"],
                (kernels.array ?? []).map {
                    [
                        $0["name"].string ?? "", $0["release"].string ?? "", Size.decimal($0["size"].integer ?? 0),
                        $0["used"].bool == true ? "*" : "",
                    ]
                })
        }
    }

    struct Use: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "use", abstract: "Choose what later VMs boot.")

        @Argument(help: "Name.")
        var name: String

        func run() async throws {
            try await Daemon.client().request("POST", "/tandem/kernels/\(TandemClient.encode(name))/use")
        }
    }
}

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of both sides.")

    @Option(name: .shortAndLong, help: "json, or a template such as {{.Server.Version}}.")
    var format: String?

    func run() async throws {
        let server = try await Daemon.client().request("GET", "/version").json
        let document: JSONValue = [
            "Client": ["Version": .string(APIVersion.product), "ApiVersion": .string(APIVersion.newest)],
            "Server": server,
        ]
        if let format { return Output.line(try Template.render(format, document)) }
        Output.line("Client: \(APIVersion.product), API \(APIVersion.newest)")
        Output.line(
            "Server: \(server["Version"].string ?? ""), API \(server["ApiVersion"].string ?? "") (\(server["MinAPIVersion"].string ?? "") and later), Linux \(server["KernelVersion"].string ?? "")"
        )
    }
}

struct InfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what the daemon says about itself.")

    @Option(name: .shortAndLong, help: "json, or a template such as {{.NCPU}}.")
    var format: String?

    func run() async throws {
        let info = try await Daemon.client().request("GET", "/info").json
        if let format { return Output.line(try Template.render(format, info)) }
        for (label, name) in [
            ("Containers and VMs", "Containers"), (" Running", "ContainersRunning"), (" Paused", "ContainersPaused"),
            (" Stopped", "ContainersStopped"), ("Images", "Images"), ("Server version", "ServerVersion"),
            ("Storage driver", "Driver"), ("Cgroup version", "CgroupVersion"), ("Kernel", "KernelVersion"),
            ("Operating system", "OperatingSystem"), ("Architecture", "Architecture"), ("Processors", "NCPU"),
            ("Data root", "DockerRootDir"),
        ] {
            let value = info[name].string ?? info[name].integer.map { String($0) } ?? ""
            Output.line("\(label): \(value)")
        }
        Output.line("Memory: \(Size.binary(info["MemTotal"].integer ?? 0))")
        Output.line("Kinds: \((info["Runtimes"].object ?? [:]).keys.sorted().joined(separator: ", "))")
        for warning in info["Warnings"].strings ?? [] { Output.write("warning: \(warning)\n", to: STDERR_FILENO) }
    }
}
