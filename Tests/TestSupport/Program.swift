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
        // Files, not pipes: a daemon that the program leaves behind would keep a pipe open for ever.
        let folder = try ScratchFolder(prefix: "program")
        defer { folder.remove() }
        try input.write(to: folder.url("in"))
        for name in ["out", "err"] { try Data().write(to: folder.url(name)) }
        let process = try ChildProcess(
            path, arguments, environment: environment, input: folder.path + "/in", output: folder.path + "/out",
            errors: folder.path + "/err")
        let (status, inTime) = await process.end(within: deadline)
        let output = String(decoding: try Data(contentsOf: folder.url("out")), as: UTF8.self)
        let errors = String(decoding: try Data(contentsOf: folder.url("err")), as: UTF8.self)
        guard inTime else {
            let command = ([path] + arguments).joined(separator: " ")
            throw TimedOut(description: "\(command) did not end within \(deadline) s\n\(output)\n\(errors)")
        }
        let signal = status & 0x7F
        return Result(status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: output, errors: errors)
    }
}
