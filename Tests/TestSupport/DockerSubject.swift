// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Testing

/// What a Docker client is tried against: both kinds of this daemon, and a real dockerd where one is named.
///
/// `TANDEM_TEST_REFERENCE=unix:///…` names a dockerd with an image `busybox`; a test that it fails is a wrong test.
public struct DockerSubject: Sendable, CustomTestStringConvertible {
    /// The name in a test's output and in names of workloads.
    public let name: String
    /// What is added to `docker run` and `docker create`.
    public let flags: [String]
    private let reference: String?

    /// The name in a test's output.
    public var testDescription: String { name }

    /// Whether it is a guest with a kernel of its own.
    public var isMachine: Bool { flags.contains("vm") }

    /// Everything that tests are run against.
    public static let all: [DockerSubject] = {
        let network = ["--network", "none"]
        var subjects = [
            DockerSubject(name: "container", flags: network, reference: nil),
            DockerSubject(name: "vm", flags: network + ["--runtime", "vm"], reference: nil),
        ]
        if let endpoint = ProcessInfo.processInfo.environment["TANDEM_TEST_REFERENCE"] {
            subjects.append(DockerSubject(name: "reference", flags: network, reference: endpoint))
        }
        return subjects
    }()

    /// The endpoint: the reference's, or that of the suite's daemon.
    public func endpoint(_ daemon: Daemon) -> String { reference ?? daemon.endpoint }

    /// The docker CLIs of this host, one for each version.
    public static let clients: [String] = {
        let found = ["/usr/local/bin/docker", "/usr/bin/docker"].filter(FileManager.default.isExecutableFile)
        return found.isEmpty ? ["docker"] : found
    }()

    /// Runs a docker CLI, the newest one unless told otherwise.
    public func docker(
        _ daemon: Daemon, _ arguments: [String], client: String? = nil, input: String = "", deadline: Double = 120
    ) async throws -> Program.Result {
        // Settings of the user must not be seen: contexts, proxies, formats.
        let environment = ["DOCKER_HOST": endpoint(daemon), "DOCKER_CONFIG": daemon.folder.path, "TZ": "UTC"]
        return try await Program(client ?? Self.clients[0], arguments).run(
            input: Data(input.utf8), environment: environment, deadline: deadline)
    }
}
