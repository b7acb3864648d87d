// SPDX-License-Identifier: Apache-2.0

public import Foundation
import Synchronization

/// A `tandemd` with roots of its own, and the `tandem` that talks to it.
public final class Daemon: Sendable {
    /// The daemon of the suite that runs now; set by `.daemon`.
    @TaskLocal public static var current: Daemon?

    /// Holds `data`, `run` and the daemon's log.
    public let folder: ScratchFolder
    private let process = Mutex<ChildProcess?>(nil)
    private let extraFlags: [String]

    /// Starts a daemon and waits until it answers.
    public init(flags: [String] = []) async throws {
        extraFlags = flags
        folder = try ScratchFolder(prefix: "it")
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
        let daemon = try ChildProcess(Binaries.path("tandemd"), flags, output: log, errors: log)
        process.withLock { $0 = daemon }
        for _ in 0..<3_000 {
            if try await tandem("version").status == 0 { return }
            guard daemon.isRunning else { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "tandemd did not answer:\n\(self.log)")
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
        folder.remove()
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
