// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Debian's dockerd with roots of its own and no network, for what has to work with the real one.
public final class DockerEngine: Sendable {
    private let folder: ScratchFolder
    private let process: ChildProcess

    /// Starts it and waits until it answers.
    public init() async throws {
        let folder = try ScratchFolder(prefix: "docker")
        self.folder = folder
        let log = try folder.write("log", "")
        process = try ChildProcess(
            "/usr/sbin/dockerd",
            [
                "--data-root", folder.path + "/data", "--exec-root", folder.path + "/exec", "-H",
                "unix://\(folder.path)/docker.sock", "--pidfile", folder.path + "/docker.pid", "--bridge=none",
                "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            ], output: log, errors: log)
        for _ in 0..<600 {
            if try await docker("version").status == 0 { return }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        let text = try String(contentsOf: folder.url("log"), encoding: .utf8)
        throw Daemon.Failure(description: "dockerd did not answer:\n\(text.suffix(2_000))")
    }

    /// Runs its CLI.
    @discardableResult
    public func docker(_ arguments: String...) async throws -> Program.Result {
        let environment = [
            "DOCKER_HOST": "unix://\(folder.path)/docker.sock", "DOCKER_CONFIG": folder.path, "DOCKER_BUILDKIT": "0",
        ]
        return try await Program(DockerSubject.clients[0], arguments).run(environment: environment)
    }

    /// Ends it and removes what it has.
    public func stop() async throws {
        process.signal(SIGTERM)
        _ = await process.end(within: 20)
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        for line in mounts.split(separator: "\n").reversed() {
            let target = line.split(separator: " ").dropFirst(4).first.map(String.init) ?? ""
            if target.hasPrefix(folder.path + "/") { umount2(target, Int32(MNT_DETACH)) }
        }
        folder.remove()
    }
}
