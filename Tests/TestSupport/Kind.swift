// SPDX-License-Identifier: Apache-2.0

public import Testing

/// The two kinds, as the user names them.
public enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// Namespaces on the host's kernel.
    case container
    /// A virtual machine.
    case vm

    /// What is added to `tandem run` or `tandem create`.
    public var flags: [String] { self == .vm ? ["--vm"] : [] }

    /// The name in a test's output.
    public var testDescription: String { rawValue }
}
