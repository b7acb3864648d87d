// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client
import FoundationEssentials
import Glibc

struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Copy files into or out of a container or VM, running or not.",
        discussion: "A path of - reads or writes a tar on the standard streams.")

    @Argument(help: "PATH, CONTAINER:PATH or -.")
    var source: String

    @Argument(help: "PATH, CONTAINER:PATH or -.")
    var destination: String

    func run() async throws {
        let client = try await Daemon.client()
        switch (Self.parse(source), Self.parse(destination)) {
        case (let (container, path)?, nil): try await copyOut(client, container, path)
        case (nil, let (container, path)?): try await copyIn(client, container, path)
        case (nil, nil):
            throw CommandFailure(1, "must specify at least one container source", hint: "For example web:/etc/hosts .")
        default: throw CommandFailure(1, "copying between containers is not supported", hint: "Copy to the host first.")
        }
    }

    /// A colon makes it a container's path, unless what stands before it is a path itself.
    static func parse(_ text: String) -> (container: String, path: String)? {
        guard !text.hasPrefix("/"), !text.hasPrefix("."), let colon = text.firstIndex(of: ":") else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private func archive(_ container: String) -> String { "/containers/\(TandemClient.encode(container))/archive" }

    /// What the daemon knows about a path; `nil` if it is not there.
    private func status(_ client: TandemClient, _ container: String, _ path: String) async throws(ClientError)
        -> JSONValue?
    {
        do throws(ClientError) {
            let response = try await client.request("HEAD", archive(container), query: [("path", path)])
            let header = response.headers["x-docker-container-path-stat"] ?? ""
            return Data(base64Encoded: header).flatMap { JSONValue(parsing: $0) }
        } catch  where error.status == 404 {
            // A missing container has its own failure when the copy begins.
            return nil
        }
    }

    private static func isFolder(_ status: JSONValue?) -> Bool { (status?["mode"].integer ?? 0) & (1 << 31) != 0 }

    // MARK: Out

    private func copyOut(_ client: TandemClient, _ container: String, _ path: String) async throws {
        if destination == "-" {
            return try await client.stream("GET", archive(container), query: [("path", path)]) {
                (response) throws(ClientError) in
                while let bytes = try await response.next() { Output.write(bytes) }
            }
        }
        guard let status = try await status(client, container, path) else {
            // Says whether it is the container or the file.
            try await client.request("GET", archive(container), query: [("path", path)])
            return
        }
        let name = status["name"].string ?? ""
        var isDirectory: Bool = false
        let exists = Self.look(destination, &isDirectory)
        let copiesContent = path.hasSuffix("/.")
        // Into a folder that is there under its own name; else under the new name.
        let folder: String
        var newName: String?
        if exists && isDirectory {
            folder = destination
        } else if !exists && destination.hasSuffix("/") && !Self.isFolder(status) {
            throw CommandFailure(1, "the folder '\(destination)' does not exist", hint: "Make it first.")
        } else {
            let parts = Self.split(destination)
            folder = parts.folder
            newName = parts.name
            guard Self.look(folder, &isDirectory), isDirectory else {
                throw CommandFailure(1, "the folder '\(folder)' does not exist", hint: "Make it first.")
            }
        }
        var arguments = ["-x", "-f", "-", "-C", folder]
        if copiesContent, let newName {
            try FileManager.default.createDirectory(atPath: destination, withIntermediateDirectories: false)
            arguments[4] = folder + "/" + newName
        } else if let newName, newName != name {
            arguments += ["--transform", "s,^\(Self.pattern(name))\\(/\\|$\\),\(Self.replacement(newName))\\1,"]
        }
        let tar = try Tar(arguments, writesTo: nil)
        try await client.stream("GET", archive(container), query: [("path", path)]) { (response) throws(ClientError) in
            while let bytes = try await response.next() { tar.send(bytes) }
        }
        try tar.finish()
    }

    // MARK: In

    private func copyIn(_ client: TandemClient, _ container: String, _ path: String) async throws {
        if source == "-" {
            _ = try await client.upload("PUT", archive(container), query: [("path", path)]) {
                await StandardInput.next()
            }
            return
        }
        var isDirectory = false
        guard Self.look(source, &isDirectory) else {
            throw CommandFailure(1, "lstat \(source): no such file or directory", hint: "Check the path.")
        }
        let target = try await status(client, container, path)
        let (folder, name) = Self.split(source)
        let copiesContent = source.hasSuffix("/.")
        var destinationFolder = path
        var arguments = ["-c", "-f", "-", "-C", folder]
        if copiesContent {
            arguments = ["-c", "-f", "-", "-C", source, "."]
        } else if Self.isFolder(target) {
            arguments += ["--", name]
        } else {
            guard !(path.hasSuffix("/") && target == nil && !isDirectory) else {
                throw CommandFailure(1, "the folder '\(path)' does not exist in the container", hint: "Make it first.")
            }
            let parts = Self.split(path)
            destinationFolder = parts.folder
            arguments += [
                "--transform", "s,^\(Self.pattern(name))\\(/\\|$\\),\(Self.replacement(parts.name))\\1,", "--", name,
            ]
        }
        let tar = try Tar(arguments, writesTo: ())
        let response = try await client.upload("PUT", archive(container), query: [("path", destinationFolder)]) {
            tar.receive()
        }
        _ = response
        try tar.finish()
    }

    // MARK: Paths

    private static func look(_ path: String, _ isDirectory: inout Bool) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
        return true
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return (".", String(trimmed)) }
        let folder = trimmed[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(trimmed[trimmed.index(after: slash)...]))
    }

    /// A name as a pattern of sed that fits only itself.
    private static func pattern(_ name: String) -> String {
        name.map { ".*[]^$\\,".contains($0) ? "\\\($0)" : String($0) }.joined()
    }

    private static func replacement(_ name: String) -> String {
        name.map { "&\\,".contains($0) ? "\\\($0)" : String($0) }.joined()
    }
}

/// The host's tar at the other end of a pipe.
final class Tar {
    private var process: pid_t = 0
    private let pipe: Int32

    /// Reads an archive from us, or with `writesTo` writes one to us.
    init(_ arguments: [String], writesTo reader: Void?) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw CommandFailure(1, "no file descriptor is left") }
        let isReader = reader == nil
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(
            &actions, isReader ? ends[0] : ends[1], isReader ? STDIN_FILENO : STDOUT_FILENO)
        let list: [UnsafeMutablePointer<CChar>?] = (["tar"] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in list { free(pointer) } }
        let result = posix_spawnp(&process, "tar", &actions, nil, list, environ)
        close(isReader ? ends[0] : ends[1])
        pipe = isReader ? ends[1] : ends[0]
        guard result == 0 else {
            close(pipe)
            throw CommandFailure(
                1, "'tar' cannot be executed: \(String(cString: strerror(result)))", hint: "apt install tar")
        }
    }

    func send(_ bytes: [UInt8]) { Output.write(bytes, to: pipe) }

    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var count = read(pipe, &buffer, buffer.count)
        while count < 0 && errno == EINTR { count = read(pipe, &buffer, buffer.count) }
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    func finish() throws {
        close(pipe)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw CommandFailure(1, "tar could not copy everything; what it said stands above") }
    }
}
