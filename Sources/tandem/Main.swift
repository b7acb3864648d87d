// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Benchmark
import Client
import Glibc

/// The command line.
struct Tandem: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tandem",
        abstract: "Run the same image as a container or as a virtual machine, and see what the difference costs.",
        discussion: "The daemon is started when it is needed. TANDEM_HOST=unix:///path names another one.",
        version: "tandem \(APIVersion.product)",
        groupedSubcommands: [
            CommandGroup(
                name: "Run:",
                subcommands: [
                    RunCommand.self, CreateCommand.self, StartCommand.self, StopCommand.self, KillCommand.self,
                    RestartCommand.self, PauseCommand.self, UnpauseCommand.self, RemoveCommand.self, RenameCommand.self,
                    UpdateCommand.self,
                ]),
            CommandGroup(
                name: "Look:",
                subcommands: [
                    ListCommand.self, LogsCommand.self, InspectCommand.self, TopCommand.self, StatsCommand.self,
                    PortCommand.self, WaitCommand.self,
                ]),
            CommandGroup(
                name: "Reach in:",
                subcommands: [
                    ExecCommand.self, AttachCommand.self, CopyCommand.self, DiffCommand.self, ExportCommand.self,
                    CommitCommand.self,
                ]),
            CommandGroup(name: "Compare:", subcommands: [CompareCommand.self, BenchCommand.self]),
            CommandGroup(
                name: "Keep:",
                subcommands: [
                    BuildCommand.self, BuilderCommand.self, ImagesCommand.self, PullCommand.self, PushCommand.self,
                    RemoveImageCommand.self,
                    ImportCommand.self,
                    LoadCommand.self,
                    SaveCommand.self, TagCommand.self, HistoryCommand.self, ImageCommand.self, LoginCommand.self,
                    LogoutCommand.self,
                    VolumeCommand.self, NetworkCommand.self,
                ]),
            CommandGroup(
                name: "The host:",
                subcommands: [
                    DoctorCommand.self, KernelCommand.self, VersionCommand.self, InfoCommand.self, EventsCommand.self,
                    SystemCommand.self, ContainerCommand.self,
                ]),
        ])
}

/// The program's entry.
///
/// Swift's own asynchronous entry leaves the first thread by pthread_exit(3), which unwinds the stack and, in a program
/// that is linked statically, first sorts the unwind tables of all of it: 40 ms.
@main
enum Program {
    static func main() {
        // Detached: the main actor has no one to run it while this thread sleeps.
        if CommandLine.argc > 1, frequent.keys.contains(CommandLine.arguments[1]) {
            // Beside the parsing: the client's machinery needs a millisecond.
            Task.detached { TandemClient.prepare() }
        }
        let task = Task.detached { await run() }
        withExtendedLifetime(task) { while true { pause() } }
    }

    private static func run() async -> Never {
        do {
            var command = try parse(Array(CommandLine.arguments.dropFirst()))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            fail(error)
        }
        exit(0)
    }

    /// Commands that are called so often that their time counts.
    private static let frequent: [String: any ParsableCommand.Type] = [
        "run": RunCommand.self, "exec": ExecCommand.self, "ps": ListCommand.self,
    ]

    /// Parses a frequent command by itself first, and everything that is not plain by the tree of all commands.
    ///
    /// The way through the tree reflects on each command in it, which takes longer than the rest of the parsing; but it finds
    /// the right words for what is wrong.
    private static func parse(_ arguments: [String]) throws -> any ParsableCommand {
        if let name = arguments.first, let command = frequent[name],
            // Its configuration names its parent: as a root of its own it would look for requests for completion, too.
            let parsed = try? command.parseAsRoot(Array(arguments.dropFirst()))
        {
            return parsed
        }
        return try Tandem.parseAsRoot(arguments)
    }

    private static func fail(_ error: any Error) -> Never {
        switch error {
        case let error as ClientError:
            Output.error(error.message, hint: error.hint)
            exit(1)
        case let error as BenchmarkError:
            Output.error(error.message, hint: error.hint)
            exit(1)
        case let error as CommandFailure:
            if let message = error.message { Output.error(message, hint: error.hint) }
            exit(error.code)
        default:
            guard Tandem.exitCode(for: error) == .validationFailure else { Tandem.exit(withError: error) }
            // As docker: wrong use of the command line is 125.
            Output.write(Tandem.fullMessage(for: error) + "\n", to: STDERR_FILENO)
            exit(125)
        }
    }
}
