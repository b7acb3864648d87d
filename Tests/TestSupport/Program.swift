// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A program that a test runs to its end.
public struct Program: Sendable {
    /// What a finished program left.
    public struct Result: Sendable {
        /// Exit code, or 128 + signal.
        public let status: Int32
        /// Everything written to standard output.
        public let output: String
        /// Everything written to standard error.
        public let errors: String

        /// Standard output without white space at its ends.
        public var trimmed: String { output.trimmingCharacters(in: .whitespacesAndNewlines) }

        /// Lines of standard output.
        public var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// A program did not end in time.
    public struct TimedOut: Error, CustomStringConvertible {
        /// The command line, and what had been printed until then.
        public let description: String
    }

    private let path: String
    private let arguments: [String]

    /// Names a program by absolute path, or by name for a look-up in `PATH`.
    public init(_ path: String, _ arguments: [String]) {
        self.path = path.hasPrefix("/") ? path : "/usr/bin/env"
        self.arguments = path.hasPrefix("/") ? arguments : [path] + arguments
    }

    /// Runs the program on a thread of its own.
    ///
    /// - Parameters:
    ///   - input: Bytes for standard input, which is closed after them.
    ///   - environment: Added to the test's own.
    ///   - deadline: Seconds after which the program is killed.
    /// - Returns: Its status and output.
    /// - Throws: `TimedOut`, or an error if the program cannot be started.
    public func run(
        input: Data = Data(), environment: [String: String] = [:], deadline: Double = 120
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Swift.Result { try runBlocking(input: input, environment: environment, deadline: deadline) })
            }
        }
    }

    private func runBlocking(input: Data, environment: [String: String], deadline: Double) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files, not pipes: a daemon that the program leaves behind would keep a pipe open for ever.
        let folder = try ScratchFolder(prefix: "program")
        defer { folder.remove() }
        try input.write(to: folder.url("in"))
        for name in ["out", "err"] { try Data().write(to: folder.url(name)) }
        process.standardInput = try FileHandle(forReadingFrom: folder.url("in"))
        process.standardOutput = try FileHandle(forWritingTo: folder.url("out"))
        process.standardError = try FileHandle(forWritingTo: folder.url("err"))
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        let inTime = ended.wait(timeout: .now() + deadline) == .success
        if !inTime {
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
        }
        let output = String(decoding: try Data(contentsOf: folder.url("out")), as: UTF8.self)
        let errors = String(decoding: try Data(contentsOf: folder.url("err")), as: UTF8.self)
        guard inTime else {
            let command = ([path] + arguments).joined(separator: " ")
            throw TimedOut(description: "\(command) did not end within \(deadline) s\n\(output)\n\(errors)")
        }
        let signalled = process.terminationReason == .uncaughtSignal
        return Result(
            status: signalled ? 128 + process.terminationStatus : process.terminationStatus, output: output,
            errors: errors)
    }
}
