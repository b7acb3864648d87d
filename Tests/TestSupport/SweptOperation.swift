// SPDX-License-Identifier: Apache-2.0

public import Testing

/// An operation of the daemon that is tried with a fault at each of its steps.
public struct SweptOperation: Sendable, CustomTestStringConvertible {
    /// What is done with a daemon.
    public typealias Action = @Sendable (Daemon) async throws -> Void

    /// As a test names it.
    public let name: String
    /// What has to be there before.
    public let prepare: Action
    /// The operation.
    public let run: @Sendable (Daemon) async throws -> Program.Result
    /// Looks whether an operation that succeeded has done what it says.
    public let verify: Action
    /// Says what is wrong with what a daemon that was killed on the way has left, once the next one runs.
    public let recover: @Sendable (Daemon) async throws -> [String]
    /// Takes away what the operation and its preparation have made, or parts of it.
    public let clean: Action

    /// Describes an operation.
    public init(
        _ name: String, prepare: @escaping Action = { _ in },
        run: @escaping @Sendable (Daemon) async throws -> Program.Result,
        verify: @escaping Action = { _ in },
        recover: @escaping @Sendable (Daemon) async throws -> [String] = { _ in [] },
        clean: @escaping Action = { _ in }
    ) {
        self.name = name
        self.prepare = prepare
        self.run = run
        self.verify = verify
        self.recover = recover
        self.clean = clean
    }

    /// The name in a test's output.
    public var testDescription: String { name }
}
