// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import ImageStore
import LinuxSystem
import NIOHTTP1
import OCI
import Synchronization
import TandemModel

extension API {
    /// `docker build` with the classic builder: the context comes as the body, and the steps go out as lines of JSON.
    func build(_ call: Call) async throws(EngineError) {
        let given = try BuildParameters.request(call.request, engine)
        let isQuiet = call.request.flag("q")
        let (relay, control, engine) = (ByteRelay(), BuildControl(), engine)
        let (request, context) = try await context(of: given, call)
        // A task of its own: the connection's is cancelled with it, but what is cleaned up must not be.
        let building = Task { () -> Result<Image, EngineError> in
            defer { relay.finish() }
            do throws(EngineError) {
                return .success(
                    try await engine.build(request, context: context, control: control) { message in
                        await relay.send(isQuiet ? [] : Self.line(message))
                    })
            } catch {
                return .failure(error)
            }
        }
        let result = await withTaskCancellationHandler {
            do throws(EngineError) {
                while let bytes = await relay.next() {
                    if !call.connection.hasResponded { try await call.connection.begin(type: "application/json") }
                    try await call.connection.send(bytes)
                }
            } catch {
                // The client has gone.
                control.cancel()
                relay.close()
            }
            return await building.value
        } onCancel: {
            control.cancel()
            relay.close()
        }
        try await finish(result, call, isQuiet: isQuiet)
    }

    /// The context comes as the body, or from where `remote` says.
    private func context(
        of request: BuildRequest, _ call: Call
    ) async throws(EngineError) -> (BuildRequest, BuildContext) {
        let engine = engine
        let address = call.request["remote"] ?? ""
        guard address.isEmpty else {
            try await call.request.skipBody()
            let (context, isFile) = try await engine.remoteContext(address)
            var request = request
            // A Dockerfile alone is called that whatever its address is.
            if isFile { request.dockerfile = "Dockerfile" }
            return (request, context)
        }
        let context = try await withBody(call) { descriptor throws(EngineError) in
            try await engine.images.makeContext(descriptor)
        }
        return (request, context)
    }

    private static func line(_ message: BuildMessage) -> [UInt8] {
        let document: JSONValue =
            switch message {
            case .text(let text): ["stream": .string(text)]
            case .transfer(let message): ProgressDocument.document(message)
            case .image(let id): ["aux": ["ID": .string(id)]]
            }
        return document.encoded() + [0x0D, 0x0A]
    }

    /// A failure before the first step is the response; a later one is the last line.
    private func finish(
        _ result: Result<Image, EngineError>, _ call: Call, isQuiet: Bool
    ) async throws(EngineError) {
        switch result {
        case .success(let image):
            if isQuiet {
                let document: JSONValue = ["stream": .string(image.id + "\n")]
                try await call.connection.send(document.encoded() + [0x0D, 0x0A])
            }
        case .failure(let error):
            guard call.connection.hasResponded else { throw error }
            var detail: JSONValue = ["message": .string(error.message)]
            if let failure = error.cause as? BuildCommandFailure { detail["code"] = .count(failure.code) }
            var document: JSONValue = ["errorDetail": detail, "error": .string(error.message)]
            if let hint = error.hint { document["hint"] = .string(hint) }
            try await call.connection.send(document.encoded() + [0x0D, 0x0A])
        }
        try await call.connection.end()
    }
}
