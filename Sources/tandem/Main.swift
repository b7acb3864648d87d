// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import Glibc

/// The command line.
@main
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
                    WaitCommand.self,
                ]),
            CommandGroup(name: "Reach in:", subcommands: [ExecCommand.self, AttachCommand.self, CopyCommand.self]),
            CommandGroup(name: "Compare:", subcommands: [CompareCommand.self]),
            CommandGroup(
                name: "Keep:",
                subcommands: [ImagesCommand.self, RemoveImageCommand.self, ImageCommand.self, VolumeCommand.self]),
            CommandGroup(
                name: "The host:",
                subcommands: [
                    DoctorCommand.self, KernelCommand.self, VersionCommand.self, InfoCommand.self, EventsCommand.self,
                ]),
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ClientError {
            Output.error(error.message, hint: error.hint)
            Glibc.exit(1)
        } catch let error as CommandFailure {
            if let message = error.message { Output.error(message, hint: error.hint) }
            Glibc.exit(error.code)
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { exit(withError: error) }
            // As docker: wrong use of the command line is 125.
            Output.write(fullMessage(for: error) + "\n", to: STDERR_FILENO)
            Glibc.exit(125)
        }
    }
}
