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
                for: call.request, type: Self.streamType(isTerminal: isTerminal, call.request))
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
    private static func streamType(isTerminal: Bool, _ request: Request) -> String {
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
        var process = ProcessSpec(
            arguments: body["Cmd"].strings ?? [], workingDirectory: body["WorkingDir"].string ?? "")
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
        let session = try await engine.startExecution(call["id"], size: TerminalSize(body["ConsoleSize"]))
        if body["Detach"].bool == true {
            // Somebody has to take the output, or the process would wait for it.
            Task { while await session.nextOutput() != nil {} }
            return try await call.connection.respond(.ok)
        }
        let isTerminal = execution.process.terminal
        try await call.connection.takeOver(
            for: call.request, type: Self.streamType(isTerminal: isTerminal, call.request))
        let hasLeft = await pump(
            session, call.connection, isRaw: isTerminal, wantsInput: execution.process.openStandardInput,
            closesInput: true, detachKeys: isTerminal ? try Self.detachKeys(execution.detachKeys) : nil)
        if hasLeft {
            await engine.emit("exec_detach", of: execution.workload.description, attributes: ["execID": execution.id])
        }
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

    // MARK: Logs

    func containerLogs(_ call: Call) async throws(EngineError) {
        let request = call.request
        let (output, errors) = (request.flag("stdout"), request.flag("stderr"))
        guard output || errors else {
            throw EngineError(.invalidArgument, "Bad parameters: you must choose at least one stream")
        }
        let snapshot = try await engine.snapshot(call["id"])
        guard snapshot.record.spec.log.driver == .jsonFile else {
            throw EngineError(
                .unsupported, "configured logging driver does not support reading",
                hint: "The container was created with --log-driver none.")
        }
        let isTerminal = snapshot.record.spec.process.terminal
        let since = try request["since"].flatMap { $0 == "0" ? nil : $0 }.map { (text) throws(EngineError) in
            try TimeParameter.parse(text).rfc3339
        }
        let until = try request["until"].flatMap { $0 == "0" ? nil : $0 }.map { (text) throws(EngineError) in
            try TimeParameter.parse(text).rfc3339
        }
        let withTime = request.flag("timestamps")
        let isWanted = { @Sendable (entry: LogEntry) in
            (entry.stream == "stderr" ? errors : output) && since.map { entry.time >= $0 } ?? true
                && until.map { entry.time <= $0 } ?? true
        }
        let reader = LogReader(path: snapshot.logPath)
        var entries = await reader.readAll().filter(isWanted)
        if let text = request["tail"], text != "all" {
            guard let count = Int(text) else {
                throw EngineError(.invalidArgument, "the parameter 'tail' is '\(text)', which is no number")
            }
            if count >= 0 { entries = Array(entries.suffix(count)) }
        }
        try await call.connection.begin(
            type: isTerminal ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream")
        try await send(entries, call.connection, isTerminal: isTerminal, withTime: withTime)
        if request.flag("follow") {
            try await follow(
                reader, snapshot.record.id, call.connection, isWanted, isTerminal: isTerminal, withTime: withTime)
        }
        try await call.connection.end()
    }

    private func follow(
        _ reader: LogReader, _ id: WorkloadID, _ connection: Connection, _ isWanted: (LogEntry) -> Bool,
        isTerminal: Bool,
        withTime: Bool
    ) async throws(EngineError) {
        while !Task.isCancelled {
            // Asked before reading: what is written until the end is read after it.
            let isRunning = (try? await engine.snapshot(id.description))?.record.isRunning ?? false  // removed: ended
            let entries = reader.readNew().filter(isWanted)
            try await send(entries, connection, isTerminal: isTerminal, withTime: withTime)
            if entries.isEmpty && !isRunning { return }
            if entries.isEmpty {
                // Cancelled when the client goes.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func send(
        _ entries: [LogEntry], _ connection: Connection, isTerminal: Bool, withTime: Bool
    ) async throws(EngineError) {
        var bytes: [UInt8] = []
        for entry in entries {
            let text = Array((withTime ? "\(entry.time) \(entry.log)" : entry.log).utf8)
            bytes += isTerminal ? text : StreamFrame.encode(entry.stream == "stderr" ? .errors : .output, text)
            if bytes.count > 1 << 18 {
                try await connection.send(bytes)
                bytes = []
            }
        }
        try await connection.send(bytes)
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
