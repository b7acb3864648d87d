// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import Monitor
import SystemPackage
import TandemModel

/// Reads and writes files of a workload by processes executed in it.
struct FileAccess: Sendable {
    let monitor: MonitorConnection
    /// The plan of its first process.
    let process: ProcessPlan

    func status(of path: String) async throws(EngineError) -> WorkloadFile {
        let absolute = Self.absolute(path)
        // Not following links, as Docker: size, mode in hexadecimal, seconds, then the name with a link's target.
        let (code, output, _) = try await run(["stat", "-c", "%s %f %Y", "--", absolute])
        let fields = output.split(whereSeparator: \.isWhitespace)
        guard code == 0, fields.count == 3, let size = Int64(fields[0]), let mode = UInt32(fields[1], radix: 16),
            let modified = Int64(fields[2])
        else {
            throw EngineError(.notFound, "Could not find the file \(path) in the container", hint: "Check the path.")
        }
        var target = ""
        if mode & 0o170_000 == 0o120_000 {
            target = try await run(["readlink", absolute]).output
            if target.hasSuffix("\n") { target.removeLast() }
        }
        let name = FilePath(absolute).lastComponent?.string ?? "/"
        return WorkloadFile(name: name, size: size, mode: mode, modified: modified, linkTarget: target)
    }

    func pack(_ path: String, _ receive: ([UInt8]) async throws(EngineError) -> Void) async throws(EngineError) {
        let absolute = FilePath(Self.absolute(path))
        let folder = absolute.removingLastComponent().string
        // `path/.` and `/` mean the content of the folder.
        let isContent = path.hasSuffix("/.") || absolute.lastComponent == nil
        let arguments =
            isContent
            ? ["tar", "-c", "-f", "-", "-C", absolute.string, "."]
            : ["tar", "-c", "-f", "-", "-C", folder, "--", absolute.lastComponent?.string ?? "."]
        let session = try await monitor.execute(ProcessLowering.helper(arguments, like: process))
        defer { session.close() }
        session.closeInput()
        var errors: [UInt8] = []
        while let piece = await session.nextOutput() {
            switch piece {
            case .standardOutput(let bytes): try await receive(bytes)
            case .standardError(let bytes): errors += bytes.prefix(2_000 - min(2_000, errors.count))
            }
        }
        let code = try await session.waitForExit().code
        guard code == 0 else { throw Self.failure("packing", path, errors) }
    }

    func unpack(_ path: String, _ next: () async throws(EngineError) -> [UInt8]?) async throws(EngineError) {
        // Nothing is an archive without members, though none that tar would take.
        guard let first = try await next() else { return }
        let arguments = ["tar", "-x", "-f", "-", "-C", Self.absolute(path)]
        let session = try await monitor.execute(ProcessLowering.helper(arguments, like: process))
        defer { session.close() }
        var piece: [UInt8]? = first
        while let bytes = piece, !session.hasEnded {
            await session.send(bytes)
            piece = try await next()
        }
        session.closeInput()
        var errors: [UInt8] = []
        while let piece = await session.nextOutput() { errors += piece.bytes.prefix(2_000 - min(2_000, errors.count)) }
        let code = try await session.waitForExit().code
        guard code == 0 else { throw Self.failure("unpacking into", path, errors) }
    }

    private func run(_ arguments: [String]) async throws(EngineError) -> (code: Int32, output: String, errors: String) {
        let session = try await monitor.execute(ProcessLowering.helper(arguments, like: process))
        defer { session.close() }
        session.closeInput()
        var output: [UInt8] = []
        var errors: [UInt8] = []
        while let piece = await session.nextOutput() {
            switch piece {
            case .standardOutput(let bytes): output += bytes
            case .standardError(let bytes): errors += bytes
            }
        }
        let record = try await session.waitForExit()
        return (record.code, String(decoding: output, as: UTF8.self), String(decoding: errors, as: UTF8.self))
    }

    private static func absolute(_ path: String) -> String {
        let full = path.hasPrefix("/") ? path : "/" + path
        return full.count > 1 && full.hasSuffix("/") ? String(full.dropLast()) : full
    }

    private static func failure(_ what: String, _ path: String, _ errors: [UInt8]) -> EngineError {
        let reason =
            String(decoding: errors, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? "it gave no reason"
        return EngineError(.invalidArgument, "\(what) '\(path)' failed: \(reason)")
    }
}
