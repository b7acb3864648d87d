// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Client
import FoundationEssentials
import Glibc

/// Plain processes of the host, in a folder with the same image's files as their root: what nothing costs.
///
/// Needs root.
public struct ProcessSubject: Subject {
    /// What it is called.
    public let name = "process"
    /// Nothing has to be known about its figures.
    public let remark = ""
    private let client: TandemClient
    private let folder: RunFolder
    /// Other users can enter the image's root as they can a container's, but nobody else the folder around it: it has
    /// programs in it that make their callers root.
    private var root: String { folder.processRoot }

    /// Describes the subject; images come from the daemon that `client` speaks to.
    public init(client: TandemClient, folder: RunFolder) {
        self.client = client
        self.folder = folder
    }

    /// Whether it can be measured with a parameter's value, and the parameter makes a difference to it.
    public func effect(of parameter: Suite.Parameter.Name, _ value: String) -> ParameterEffect {
        parameter == .cache ? .some : .none
    }

    /// Brings the image to where it is run from.
    public func prepare(_ image: String) async throws(BenchmarkError) {
        guard geteuid() == 0 else {
            throw BenchmarkError("only root can measure processes of the host", hint: "Leave out 'process'.")
        }
        try await BenchmarkImage.requireForSuite(image, client)
        try folder.add(socket: client.socketPath)
        guard (mkdir(root, 0o755) == 0 || errno == EEXIST) && chmod(root, 0o755) == 0 else {
            throw BenchmarkError("'\(root)' cannot be made: \(String(cString: strerror(errno)))")
        }
        // The root of a container that never runs is the image's.
        do throws(ClientError) {
            let body: JSONValue = ["Image": .string(image), "Cmd": ["true"], "Labels": folder.labels]
            let id = try await client.request("POST", "/containers/create", body: body).json["Id"].string ?? ""
            defer { Task { [client] in _ = try? await client.request("DELETE", "/containers/\(id)") } }
            let archive = folder.path + "/image.tar"
            defer { unlink(archive) }
            try await client.stream("GET", "/containers/\(id)/export") { response throws(ClientError) in
                let file = open(archive, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
                defer { close(file) }
                while let bytes = try await response.next() {
                    guard bytes.withUnsafeBytes({ write(file, $0.baseAddress, $0.count) }) == bytes.count else {
                        throw ClientError(
                            status: 0, message: "'\(archive)' cannot be written", hint: nil, code: "internal")
                    }
                }
            }
            let unpacked = await HostProgram.run(["/bin/tar", "-x", "-f", archive, "-C", root, "--numeric-owner"])
            guard unpacked.code == 0 else {
                throw ClientError(
                    status: 0, message: "the image's files cannot be unpacked", hint: nil, code: "internal")
            }
        } catch {
            throw BenchmarkError(error)
        }
    }

    private func confined(_ command: [String]) -> [String] {
        HeldProcess.mounted(root) + ["chroot", root] + command
    }

    /// Starts a workload that waits for commands.
    public func hold(_ shape: WorkloadShape) async throws(BenchmarkError) -> any HeldWorkload {
        if let volume = shape.volume ?? shape.share {
            let path = root + volume
            guard await HostProgram.run(["/bin/mkdir", "-p", path]).code == 0 else {
                throw BenchmarkError("'\(path)' cannot be made")
            }
        }
        let process = try await HeldProcess.start(root: root, command: shape.command)
        guard let server = shape.server else { return process }
        let serving = confined(server)
        return ServedWorkload(
            client: process, server: ServingProcess(task: Task { await HostProgram.run(serving) }),
            address: ServerAddress())
    }

    /// Runs a command as a workload of its own.
    public func live(_ command: [String], _ shape: WorkloadShape) async throws(BenchmarkError) -> Life {
        let result = await HostProgram.run(confined(command))
        guard result.code == 0 else { throw BenchmarkError("the command ended with \(result.code)") }
        let exit = result.duration.seconds
        return Life(figures: ["first byte": result.firstByte?.seconds ?? exit, "exit": exit])
    }
}
