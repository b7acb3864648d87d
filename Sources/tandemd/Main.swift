// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Glibc
import LinuxSystem
import Logging
import SystemPackage
import TandemModel

/// The daemon.
@main
struct Tandemd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tandemd",
        abstract: "Runs OCI images as containers or virtual machines, for `tandem` and Docker's clients.",
        version: APIVersion.product)

    @Option(help: "Folder of images, volumes, records and writable layers.")
    var dataRoot = "/var/lib/tandem"

    @Option(help: "Folder of sockets and mount points; at most 40 bytes long.")
    var runRoot = "/run/tandem"

    @Option(help: "Path of the API's socket; by default tandem.sock in the run root.")
    var socket: String?

    @Option(
        name: [.customShort("H"), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Listen there too: unix:///path or tcp://address:port, which needs TLS.", valueName: "address"))
    var host: [String] = []

    @Option(help: "PEM file of those who sign clients' certificates.")
    var tlscacert: String?

    @Option(help: "PEM file of this server's certificate.")
    var tlscert: String?

    @Option(help: "PEM file of its private key.")
    var tlskey: String?

    @Flag(help: "As dockerd's; TLS here always checks the client.")
    var tlsverify = false

    @Flag(help: "Allow TCP without TLS: whoever reaches the port is root on this host.")
    var insecureTcp = false

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Registry that may do without TLS, or a network of such.", valueName: "host"))
    var insecureRegistry: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Where images of Docker Hub are asked for first.", valueName: "url"))
    var registryMirror: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Folder of HOST[:PORT]/*.crt for registries, beside /etc/docker/certs.d.", valueName: "folder"))
    var registryCertificates: [String] = []

    @Option(help: "How VMs are run: auto, kvm or tcg.")
    var accelerator = "auto"

    @Option(help: "The libvirt connection; by default the driver embedded in this daemon.")
    var libvirtUri: String?

    @Option(help: "The tandem-init program; by default the one beside this program.")
    var initPath: String?

    @Option(help: "Least level of what is logged to standard error: debug, info, notice, warning, error.")
    var logLevel = "notice"

    func run() async throws {
        let level = Logger.Level(rawValue: logLevel)
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level ?? .notice
            return handler
        }
        do {
            guard level != nil else {
                throw EngineError(
                    .invalidArgument, "'\(logLevel)' is no log level",
                    hint: "Use debug, info, notice, warning or error.")
            }
            try await Daemon(options: self).run()
        } catch let error as EngineError {
            let hint = error.hint.map { "\n\($0)" } ?? ""
            let text = Array("tandemd: \(error)\(hint)\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            throw ExitCode.failure
        }
    }
}
