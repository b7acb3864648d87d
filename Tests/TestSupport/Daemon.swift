// SPDX-License-Identifier: Apache-2.0

public import Foundation
import Glibc
import Synchronization

/// A `tandemd` with roots of its own, and the `tandem` that talks to it.
public final class Daemon: Sendable {
    /// The daemon of the suite that runs now; set by `.daemon`.
    @TaskLocal public static var current: Daemon?

    /// The folders of all daemons that these tests have had, also of those that are gone.
    static var folders: [String] { known.withLock { $0 } }
    private static let known = Mutex<[String]>([])

    /// Holds `data`, `run` and the daemon's log.
    public let folder: ScratchFolder
    private let process = Mutex<ChildProcess?>(nil)
    private let extraFlags: [String]
    private let onHostNetwork: Bool
    /// The daemon's network namespace: bridges, rules and forwarding are not the host's, and go with it.
    private let network = Mutex<Int32?>(nil)

    /// Starts a daemon and waits until it answers.
    ///
    /// `onHostNetwork` is for what has to be reached by the tests' own network, such as a registry.
    public init(flags: [String] = [], onHostNetwork: Bool = false) async throws {
        extraFlags = flags
        self.onHostNetwork = onHostNetwork
        folder = try ScratchFolder(prefix: "it")
        Self.known.withLock { $0.append(folder.path) }
        try await start()
    }

    /// `unix://…` of its socket.
    public var endpoint: String { "unix://\(folder.path)/run/tandem.sock" }

    /// Process id of the running daemon.
    public var processID: Int32? { process.withLock { $0?.id } }

    /// Whether the daemon has not ended.
    public var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    /// Everything that the daemon has logged.
    public var log: String {
        (try? String(contentsOf: folder.url("log"), encoding: .utf8)) ?? ""  // not started yet: nothing logged
    }

    /// Flags that every daemon of these roots gets.
    public var flags: [String] {
        let accelerator = ProcessInfo.processInfo.environment["TANDEM_TEST_ACCELERATOR"] ?? "auto"
        return [
            "--data-root", folder.path + "/data", "--run-root", folder.path + "/run", "--accelerator", accelerator,
        ] + extraFlags
    }

    /// Starts the daemon again after `kill` or `stop`.
    public func start() async throws {
        let log = folder.path + "/log"
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: folder.url("log")) }
        KnownAccelerator.hand(to: folder.path + "/data")
        let command = inNetwork([Binaries.path("tandemd")] + flags)
        let daemon = try ChildProcess(command[0], Array(command.dropFirst()), output: log, errors: log)
        process.withLock { $0 = daemon }
        for _ in 0..<3_000 {
            if try await tandem("version").status == 0 {
                network.withLock { held in
                    if held == nil { held = open("/proc/\(daemon.id)/ns/net", O_RDONLY | O_CLOEXEC) }
                }
                return
            }
            guard daemon.isRunning else { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "tandemd did not answer:\n\(self.log)")
    }

    /// A command line that runs another one in the daemon's network namespace, which the first daemon makes.
    private func inNetwork(_ command: [String]) -> [String] {
        guard !onHostNetwork else { return command }
        let busybox = "/bin/busybox"
        guard let held = network.withLock({ $0 }) else {
            let script = "\(busybox) ip link set lo up && exec \"$@\""
            return [busybox, "unshare", "-n", busybox, "sh", "-c", script, "sh"] + command
        }
        return [busybox, "nsenter", "--net=/proc/\(getpid())/fd/\(held)"] + command
    }

    /// Runs a program beside the daemon, as on its host.
    public func onHost(_ command: String..., deadline: Double = 30) async throws -> Program.Result {
        try await onHost(command, deadline: deadline)
    }

    /// Runs a program beside the daemon, as on its host.
    public func onHost(_ command: [String], deadline: Double = 30) async throws -> Program.Result {
        let whole = inNetwork(command)
        return try await Program(whole[0], Array(whole.dropFirst())).run(deadline: deadline)
    }

    /// The network devices of the daemon's host.
    public func networkDevices() async throws -> [String] {
        NetworkDevices.names(try await onHost("/bin/busybox", "cat", "/proc/self/net/dev").output)
    }

    /// Ends the daemon at once, as a crash would.
    public func kill() async {
        guard let daemon = process.withLock({ $0 }) else { return }
        daemon.signal(SIGKILL)
        _ = await daemon.end()
    }

    /// Ends the daemon in order.
    public func stop() async {
        guard let daemon = process.withLock({ $0 }), daemon.isRunning else { return }
        daemon.signal(SIGTERM)
        _ = await daemon.end()
    }

    /// Ends the daemon and removes its roots.
    public func tearDown() async {
        await stop()
        KnownAccelerator.keep(from: folder.path + "/data")
        folder.remove()
        network.withLock { held in
            if let descriptor = held { close(descriptor) }
            held = nil
        }
    }

    /// Runs `tandem` against this daemon.
    @discardableResult
    public func tandem(
        _ arguments: String..., input: String = "", deadline: Double = 120
    ) async throws -> Program.Result {
        try await tandem(arguments, input: Data(input.utf8), deadline: deadline)
    }

    /// Runs `tandem` against this daemon.
    @discardableResult
    public func tandem(
        _ arguments: [String], input: Data = Data(), deadline: Double = 120
    ) async throws -> Program.Result {
        try await Program(Binaries.path("tandem"), arguments).run(
            input: input, environment: ["TANDEM_HOST": endpoint], deadline: deadline)
    }

    /// A test's set-up went wrong.
    public struct Failure: Error, CustomStringConvertible {
        /// What went wrong.
        public let description: String
        /// Describes a failure.
        public init(description: String) { self.description = description }
    }
}

/// The programs under test.
public enum Binaries {
    /// Path of a built program: beside the test bundle, or in `TANDEM_TEST_BINARIES`.
    public static func path(_ name: String) -> String {
        if let folder = ProcessInfo.processInfo.environment["TANDEM_TEST_BINARIES"] { return folder + "/" + name }
        return besideTests(name)
    }

    /// Path of a program that belongs to the tests.
    public static func besideTests(_ name: String) -> String {
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        let end = bundle.range(of: "/", options: .backwards)?.lowerBound ?? bundle.endIndex
        return bundle[..<end] + "/" + name
    }
}
