// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import Logging
import NIOHTTP1
import OCI
import Registry
import TandemModel

/// Images that come from registries.
extension API {
    /// `docker pull`: the tag that is named, or every tag that there is.
    func pullImage(_ call: Call, _ name: String) async throws(EngineError) {
        let credentials = try RegistryHeader.credentials(of: call.request)
        let platform = try call.request["platform"].map { (text) throws(EngineError) in
            try PlatformParameter(text).descriptor(default: Self.architecture)
        }
        let tag = call.request["tag"]
        // A tag may also be a digest.
        let separator = tag?.contains(":") == true ? "@" : ":"
        let reference = try Reference(tag.map { "\(name)\(separator)\($0)" } ?? name)
        let isWhole = tag == nil && reference.digest == nil && !name.hasSuffix(":\(reference.tag ?? "")")
        let engine = engine
        try await withProgress(call) { (report) throws(EngineError) in
            guard isWhole else {
                try await engine.pull(
                    PullRequest(reference, platform: platform, credentials: credentials), report: report)
                return
            }
            for tag in try await engine.tags(of: reference, credentials: credentials) {
                try await engine.pull(
                    PullRequest(try reference.with(tag: tag), platform: platform, credentials: credentials),
                    report: report)
            }
        }
    }

    /// Sends a line for each thing that happens.
    ///
    /// What fails before the first one is told as any other failure, later in a line of its own. A client that goes ends the
    /// work.
    func withProgress(
        _ call: Call,
        _ work: @escaping @Sendable (@escaping @Sendable (TransferMessage) -> Void) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        try await call.request.skipBody()
        let (messages, continuation) = AsyncStream.makeStream(of: TransferMessage.self)
        let task = Task { () -> EngineError? in
            defer { continuation.finish() }
            do throws(EngineError) {
                try await work { continuation.yield($0) }
                return nil
            } catch {
                return error
            }
        }
        do throws(EngineError) {
            for await message in messages {
                try await send(ProgressDocument.document(message), call)
            }
            // The connection's own task ends with its client.
            if Task.isCancelled { throw EngineError(.unavailable, "the client has gone") }
        } catch {
            task.cancel()
            _ = await task.value
            throw error
        }
        if let failure = await task.value {
            guard call.connection.hasResponded else { throw failure }
            logger.info("\(call.request.method.rawValue) \(call.request.path): \(failure)")
            var detail: JSONValue = ["message": .string(failure.message)]
            if let hint = failure.hint { detail["hint"] = .string(hint) }
            try await send(["errorDetail": detail, "error": .string(failure.message)], call)
        }
        if !call.connection.hasResponded { try await call.connection.begin(type: "application/json") }
        try await call.connection.end()
    }

    private func send(_ document: JSONValue, _ call: Call) async throws(EngineError) {
        if !call.connection.hasResponded { try await call.connection.begin(type: "application/json") }
        try await call.connection.send(document.encoded() + [0x0D, 0x0A])
    }
}

extension PlatformParameter {
    /// As indexes name it.
    func descriptor(default own: String) -> Descriptor.Platform {
        var platform = Descriptor.Platform(
            architecture: architecture.isEmpty ? own : architecture, os: os.isEmpty ? "linux" : os)
        platform.variant = variant
        return platform
    }
}
