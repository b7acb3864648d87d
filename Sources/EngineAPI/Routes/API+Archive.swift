// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import LinuxSystem
import NIOHTTP1
import TandemModel

extension API {
    func statArchive(_ call: Call) async throws(EngineError) {
        let file = try await engine.file(try Self.path(call), in: call["id"])
        try await call.connection.respond(.ok, headers: [Self.header(for: file)])
    }

    func getArchive(_ call: Call) async throws(EngineError) {
        let path = try Self.path(call)
        let file = try await engine.file(path, in: call["id"])
        let pipe = ByteRelay()
        let engine = engine
        let id = call["id"]
        try await call.connection.begin(type: "application/x-tar", headers: [Self.header(for: file)])
        async let packed: Void = {
            defer { pipe.finish() }
            return try await engine.copyOut(path, from: id) { (bytes) throws(EngineError) in await pipe.send(bytes) }
        }()
        while let bytes = await pipe.next() { try await call.connection.send(bytes) }
        do {
            try await packed
        } catch {
            // The head has gone out: a connection that breaks off is the only way left to say it.
            throw error as? EngineError ?? EngineError(.internal, "packing '\(path)' failed", cause: error)
        }
        try await call.connection.end()
    }

    func putArchive(_ call: Call) async throws(EngineError) {
        let path = try Self.path(call)
        let file = try await engine.file(path, in: call["id"])
        guard file.mode & 0o170_000 == 0o040_000 || file.mode & 0o170_000 == 0o120_000 else {
            throw EngineError(.invalidArgument, "extraction point is not a directory: \(path)")
        }
        let relay = ByteRelay()
        let engine = engine
        let id = call["id"]
        async let unpacked: Void = {
            defer { relay.close() }
            return try await engine.copyIn(path, to: id) { await relay.next() }
        }()
        while let bytes = try await call.request.nextBytes() { await relay.send(bytes) }
        relay.finish()
        do {
            try await unpacked
        } catch {
            throw error as? EngineError ?? EngineError(.internal, "unpacking into '\(path)' failed", cause: error)
        }
        try await call.connection.respond(.ok)
    }

    private static func path(_ call: Call) throws(EngineError) -> String {
        guard let path = call.request["path"] else {
            throw EngineError(.invalidArgument, "Bad parameter: path cannot be empty")
        }
        return path
    }

    /// Docker's `X-Docker-Container-Path-Stat`: JSON in base64, with Go's bits for the file's type.
    private static func header(for file: WorkloadFile) -> (String, String) {
        var mode = UInt64(file.mode & 0o777)
        switch file.mode & 0o170_000 {
        case 0o040_000: mode |= 1 << 31
        case 0o120_000: mode |= 1 << 27
        case 0o060_000: mode |= 1 << 26
        case 0o010_000: mode |= 1 << 25
        case 0o140_000: mode |= 1 << 24
        case 0o020_000: mode |= 1 << 26 | 1 << 21
        default: break
        }
        if file.mode & 0o4000 != 0 { mode |= 1 << 23 }
        if file.mode & 0o2000 != 0 { mode |= 1 << 22 }
        if file.mode & 0o1000 != 0 { mode |= 1 << 20 }
        let document: JSONValue = [
            "name": .string(file.name), "size": .integer(file.size), "mode": .count(mode),
            "mtime": .string(Timestamp(nanoseconds: file.modified * 1_000_000_000).rfc3339),
            "linkTarget": .string(file.linkTarget),
        ]
        return ("X-Docker-Container-Path-Stat", Data(document.encoded()).base64EncodedString())
    }
}
