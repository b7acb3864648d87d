// SPDX-License-Identifier: Apache-2.0

import APIModel
import Backend
import Engine
import Monitor
import NIOHTTP1
import TandemModel

extension API {
    // MARK: Attach

    func attachContainer(_ call: Call) async throws(EngineError) {
        let record = try await engine.snapshot(call["id"]).record
        let isTerminal = record.spec.process.terminal
        try await attach(call, to: record, isRaw: isTerminal) { (connection) throws(EngineError) in
            try await connection.takeOver(
                for: call.request, type: Self.streamType(isTerminal: isTerminal, call.request), settles: true)
        }
    }

    /// The same by a WebSocket, whose messages carry both streams as they are.
    func attachByWebSocket(_ call: Call) async throws(EngineError) {
        let record = try await engine.snapshot(call["id"]).record
        try await attach(call, to: record, isRaw: true) { (connection) throws(EngineError) in
            try await connection.takeOverAsWebSocket(for: call.request)
        }
    }

    private func attach(
        _ call: Call, to record: WorkloadRecord, isRaw: Bool,
        takeOver: (Connection) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        let request = call.request
        let isStream = request.flag("stream")
        let wantsInput = request.flag("stdin") && isStream
        let keys = record.spec.process.terminal ? try Self.detachKeys(request["detachKeys"]) : nil
        let attachment =
            isStream
            ? try await engine.attach(
                record.id.description, input: wantsInput, output: request.flag("stdout"), errors: request.flag("stderr")
            )
            : nil
        do throws(EngineError) {
            try await takeOver(call.connection)
        } catch {
            if let attachment { await engine.cancel(attachment) }
            throw error
        }
        if request.flag("logs") {
            for entry in await LogReader(path: engine.paths.log(record.id)).readAll() {
                let bytes = Array(entry.log.utf8)
                try await call.connection.send(
                    isRaw ? bytes : StreamFrame.encode(entry.stream == "stderr" ? .errors : .output, bytes))
            }
        }
        guard let attachment else { return await call.connection.sender.finishAndClose() }
        let closesInput = record.spec.standardInputOnce && !record.spec.process.terminal
        let session = await withTaskCancellationHandler {
            await attachment.session()
        } onCancel: {
            // The client has gone before the start.
            Task { await engine.cancel(attachment) }
        }
        guard let session else { return await call.connection.sender.finishAndClose() }
        let hasLeft = await pump(
            session, call.connection, isRaw: isRaw, wantsInput: wantsInput, closesInput: closesInput, detachKeys: keys)
        if hasLeft { await engine.emit("detach", of: record.id.description) }
    }

    /// The keys that a client names, or Docker's own.
    private static func detachKeys(_ text: String?) throws(EngineError) -> DetachKeys {
        guard let text, !text.isEmpty else { return DetachKeys() }
        guard let keys = DetachKeys(text) else {
            throw EngineError(
                .invalidArgument, "Invalid detach keys (\(text)) provided", hint: "For example ctrl-p,ctrl-q.")
        }
        return keys
    }

    /// Media types of Docker's hijacked connections since API 1.42.
    static func streamType(isTerminal: Bool, _ request: Request) -> String {
        guard !isTerminal, let version = request.version,
            (Int(version.split(separator: ".").last ?? "0") ?? 0) >= 42
        else { return "application/vnd.docker.raw-stream" }
        return "application/vnd.docker.multiplexed-stream"
    }

    /// Moves bytes between a process and a client until the process has ended, or the client has gone or typed its keys.
    ///
    /// - Parameters:
    ///   - session: The process.
    ///   - connection: The client.
    ///   - isRaw: Whether output goes as it is, instead of in frames.
    ///   - wantsInput: Whether what the client sends is the process's input.
    ///   - closesInput: Whether the client's end is the end of the input.
    ///   - detachKeys: What the client types to leave; `nil` if it finds that out itself.
    ///   - lastWords: What a client gets that has had everything.
    /// - Returns: Whether it has typed its keys.
    @discardableResult
    func pump(
        _ session: ProcessSession, _ connection: Connection, isRaw: Bool, wantsInput: Bool, closesInput: Bool,
        detachKeys: DetachKeys? = nil, lastWords: (@Sendable () async -> [UInt8])? = nil
    ) async -> Bool {
        let sender = connection.sender
        return await withTaskGroup(of: Void.self, returning: Bool.self) { group in
            group.addTask {
                do throws(EngineError) {
                    while let piece = await session.nextOutput() {
                        switch piece {
                        case .standardOutput(let bytes):
                            try await sender.send(isRaw ? bytes : StreamFrame.encode(.output, bytes))
                        case .standardError(let bytes):
                            try await sender.send(isRaw ? bytes : StreamFrame.encode(.errors, bytes))
                        }
                    }
                    if let lastWords { try await sender.send(await lastWords()) }
                } catch {
                    // The client has gone; the process goes on without it.
                }
                session.close()
                await sender.finishAndClose()
            }
            var keys = detachKeys
            var hasLeft = false
            do throws(EngineError) {
                while !hasLeft, let bytes = try await connection.nextBytes() {
                    guard wantsInput else { continue }
                    var typed = bytes
                    if let (passed, isDetaching) = keys?.filter(bytes) { (typed, hasLeft) = (passed, isDetaching) }
                    await session.send(typed)
                }
                if hasLeft { session.close() }
                if wantsInput && closesInput && !hasLeft { session.closeInput() }
            } catch {
                session.close()
            }
            await group.waitForAll()
            return hasLeft
        }
    }

    // MARK: Exec

    func createExec(_ call: Call) async throws(EngineError) {
        let execution = try await createExecution(call)
        try await call.connection.respond(["Id": .string(execution.id)], .created)
    }

    /// Registers the process that a request describes.
    func createExecution(_ call: Call) async throws(EngineError) -> Execution {
        let body = try await call.request.json()
        try RequestSchema.check(execution: body)
        var process = ProcessSpec(
            // A single text stands for a list of one.
            arguments: body["Cmd"].strings ?? body["Cmd"].string.map { [$0] } ?? [],
            workingDirectory: body["WorkingDir"].string ?? "")
        process.environment = body["Env"].strings ?? []
        process.user = body["User"].string ?? ""
        process.terminal = body["Tty"].bool ?? false
        process.openStandardInput = body["AttachStdin"].bool ?? false
        process.privileged = body["Privileged"].bool ?? false
        process.terminalSize = TerminalSize(body["ConsoleSize"])
        // dockerd does not mind the case of members, and docker-py relies on it here.
        let keys = body["DetachKeys"].string ?? body["detachKeys"].string ?? ""
        _ = try Self.detachKeys(keys)
        return try await engine.createExecution(call["id"], process, detachKeys: keys)
    }

    func startExec(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        let execution = try await engine.execution(call["id"])
        let isDetached = body["Detach"].bool == true
        let session: ProcessSession
        do throws(EngineError) {
            session = try await engine.startExecution(call["id"], size: TerminalSize(body["ConsoleSize"]))
        } catch  where !isDetached && ![.notFound, .conflict].contains(error.code) {
            return try await tell(error, isTerminal: execution.process.terminal, call)
        }
        if isDetached {
            // Somebody has to take the output, or the process would wait for it.
            Task { while await session.nextOutput() != nil {} }
            return try await call.connection.respond(.ok)
        }
        let isTerminal = execution.process.terminal
        try await call.connection.takeOver(
            for: call.request, type: Self.streamType(isTerminal: isTerminal, call.request), settles: true)
        let hasLeft = await pump(
            session, call.connection, isRaw: isTerminal, wantsInput: execution.process.openStandardInput,
            closesInput: true, detachKeys: isTerminal ? try Self.detachKeys(execution.detachKeys) : nil)
        if hasLeft {
            await engine.emit("exec_detach", of: execution.workload.description, attributes: ["execID": execution.id])
        }
    }

    /// As dockerd: by then the connection has been taken over, so the reason is the output, and the code is asked for later.
    private func tell(_ error: EngineError, isTerminal: Bool, _ call: Call) async throws(EngineError) {
        try await call.connection.takeOver(
            for: call.request, type: Self.streamType(isTerminal: isTerminal, call.request), settles: true)
        let text = Array("\(error.message)\r\n".utf8)
        try await call.connection.send(isTerminal ? text : StreamFrame.encode(.output, text))
        await call.connection.sender.finishAndClose()
    }

    func resizeExec(_ call: Call) async throws(EngineError) {
        let (rows, columns) = try Self.size(call.request)
        try await engine.resizeExecution(call["id"], rows: rows, columns: columns)
        try await call.connection.respond(.ok)
    }

    func inspectExec(_ call: Call) async throws(EngineError) {
        var execution = try await engine.execution(call["id"])
        // A client asks as soon as the stream has ended: the code is a moment behind it.
        if let session = execution.session, session.hasEnded {
            _ = try await engine.finishExecution(call["id"])
            execution = try await engine.execution(call["id"])
        }
        let process = execution.process
        try await call.connection.respond([
            "ID": .string(execution.id), "Running": .bool(execution.isRunning),
            "ExitCode": execution.exitCode.map { .count($0) } ?? nil, "Pid": .count(execution.processID ?? 0),
            "ContainerID": .string(execution.workload.description), "OpenStdin": .bool(process.openStandardInput),
            "OpenStdout": true, "OpenStderr": true, "CanRemove": false, "DetachKeys": .string(execution.detachKeys),
            "ProcessConfig": [
                "entrypoint": .string(process.arguments.first ?? ""),
                "arguments": .strings(Array(process.arguments.dropFirst())),
                "tty": .bool(process.terminal), "user": .string(process.user), "privileged": .bool(process.privileged),
            ],
        ])
    }
}

extension TerminalSize {
    /// Docker's `ConsoleSize`: height and width.
    init?(_ value: JSONValue) {
        guard let numbers = value.array?.compactMap(\.integer), numbers.count == 2, numbers != [0, 0] else {
            return nil
        }
        self.init(rows: UInt16(clamping: numbers[0]), columns: UInt16(clamping: numbers[1]))
    }
}
