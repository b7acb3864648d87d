// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import LaunchProtocol
import Monitor
import NIOHTTP1
import TandemModel

/// Docker's several requests for one process as one exchange: what `tandem run` and `tandem exec` use, because every
/// connection and every round trip counts in a start of some milliseconds.
///
/// The connection is taken over as for `attach`. Towards the client go frames (`StreamFrame`), also with a terminal: the
/// streams, and control frames with JSON: first `{"Id"}`, last `{"StatusCode"}`, or `{"StatusCode", "Error"}` with the
/// error's `message`, `hint` and `code` if the process could not be started. Towards the daemon go the bytes of standard
/// input.
extension API {
    /// Creates a workload, attaches to it, starts it, and tells its end.
    ///
    /// With `detach`, answers with the id as soon as it has been started.
    func runContainer(_ call: Call) async throws(EngineError) {
        let record = try await create(call).record
        let id = record.id.description
        if call.request.flag("detach") {
            try await engine.start(id)
            return try await call.connection.respond(["Id": .string(id)], .created)
        }
        let wantsInput = record.spec.process.openStandardInput
        let attachment = try await engine.attach(id, input: wantsInput, output: true, errors: true)
        let end = try await engine.wait(id, for: record.spec.removeOnExit ? .removed : .nextExit)
        do throws(EngineError) {
            try await takeOver(call, id: id)
        } catch {
            // Nobody will start it: the attachment must not wait for that.
            await engine.cancel(attachment)
            end.cancel()
            throw error
        }
        do throws(EngineError) {
            try await engine.start(id)
        } catch {
            return try await refuse(error, call)
        }
        guard let session = await attachment.session() else {
            return try await refuse(
                EngineError(.internal, "the container '\(record.name)' cannot be attached to"), call)
        }
        await pump(
            session, call.connection, isRaw: false, wantsInput: wantsInput,
            closesInput: record.spec.standardInputOnce && !record.spec.process.terminal
        ) {
            Self.control(["StatusCode": .count(await end.value?.code ?? 0)])
        }
        end.cancel()
    }

    /// Executes a further process and tells its end.
    func runExec(_ call: Call) async throws(EngineError) {
        let execution = try await createExecution(call)
        let session = try await engine.startExecution(execution.id)
        try await takeOver(call, id: execution.id)
        await pump(
            session, call.connection, isRaw: false, wantsInput: execution.process.openStandardInput,
            closesInput: true
        ) {
            // A session that broke has no code.
            Self.control(["StatusCode": .count((try? await session.waitForExit().code) ?? 137)])
        }
    }

    private func takeOver(_ call: Call, id: String) async throws(EngineError) {
        try await call.connection.takeOver(for: call.request, type: "application/vnd.tandem.process-stream")
        try await call.connection.send(Self.control(["Id": .string(id)]))
    }

    private func refuse(_ error: EngineError, _ call: Call) async throws(EngineError) {
        let code: Int =
            switch error.code {
            case .commandNotFound: 127
            case .commandNotExecutable: 126
            default: 125
            }
        var document: JSONValue = ["message": .string(error.message), "code": .string(error.code.description)]
        if let hint = error.hint { document["hint"] = .string(hint) }
        try await call.connection.send(Self.control(["StatusCode": .count(code), "Error": document]))
        await call.connection.sender.finishAndClose()
    }

    private static func control(_ document: JSONValue) -> [UInt8] {
        StreamFrame.encode(.control, Array(document.encoded()))
    }
}
