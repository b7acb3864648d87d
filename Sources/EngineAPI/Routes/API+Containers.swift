// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import LaunchProtocol
import LinuxSystem
import NIOHTTP1
import TandemModel

extension API {
    func createContainer(_ call: Call) async throws(EngineError) {
        let (record, warnings) = try await create(call)
        try await call.connection.respond(
            ["Id": .string(record.id.description), "Warnings": .strings(warnings)], .created)
    }

    /// Creates the workload that a request describes.
    func create(_ call: Call) async throws(EngineError) -> (record: WorkloadRecord, warnings: [String]) {
        let body = try await call.request.json()
        guard !(body.object ?? [:]).isEmpty else {
            throw EngineError(
                .invalidArgument, "Config cannot be empty in order to create a container",
                hint: "Send a body that names an image.")
        }
        guard let reference = body["Image"].string, !reference.isEmpty else {
            throw EngineError(.invalidArgument, "no image specified")
        }
        let image = try engine.images.image(reference)
        try Self.checkPlatform(call, image, name: reference)
        let request = try CreateRequest(
            body, image: image, joined: try await joined(body["HostConfig"]),
            inherited: try await inherited(body["HostConfig"]))
        let spec = try request.specification(image: image)
        let name = call.request["name"].map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        return (try await engine.create(name: name, spec), request.warnings)
    }

    /// The workloads whose namespaces are to be joined, by the names that the user gave them.
    private func joined(_ host: JSONValue) async throws(EngineError) -> [String: WorkloadID] {
        var found: [String: WorkloadID] = [:]
        for reference in NamespaceRequest.references(in: host) {
            do throws(EngineError) {
                found[reference] = try await engine.snapshot(reference).record.id
            } catch  where error.code == .notFound {
                // It is the request that is wrong, not its path.
                throw EngineError(.invalidArgument, error.message, hint: error.hint)
            }
        }
        return found
    }

    /// The mounts of the workloads of `VolumesFrom`.
    private func inherited(_ host: JSONValue) async throws(EngineError) -> [MountSpec] {
        var mounts: [MountSpec] = []
        for text in host["VolumesFrom"].strings ?? [] {
            let request = try VolumesFromRequest(text)
            let donor: WorkloadRecord
            do throws(EngineError) {
                donor = try await engine.snapshot(request.workload).record
            } catch  where error.code == .notFound {
                throw EngineError(.invalidArgument, error.message, hint: error.hint)
            }
            mounts += donor.spec.mounts.compactMap(request.inherited)
        }
        return mounts
    }

    func inspectContainer(_ call: Call) async throws(EngineError) {
        let snapshot = try await engine.snapshot(call["id"])
        var document = ContainerDocument.full(snapshot, volumes: engine.volumes)
        if call.request.flag("size"), let sizes = try await sizes(of: snapshot) {
            document["SizeRw"] = .count(sizes.written)
            document["SizeRootFs"] = .count(sizes.whole)
        }
        try await call.connection.respond(document)
    }

    func startContainer(_ call: Call) async throws(EngineError) {
        guard (try await call.request.json().object ?? [:]).isEmpty else {
            throw EngineError(
                .invalidArgument,
                "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
                hint: "Say it when the container is created.")
        }
        try await engine.start(call["id"])
        try await call.connection.respond(.noContent)
    }

    func stopContainer(_ call: Call) async throws(EngineError) {
        try await engine.stop(
            call["id"], timeout: try call.request.number("t"),
            signal: try call.request["signal"].map { (text) throws(EngineError) in try Self.signal(text) })
        try await call.connection.respond(.noContent)
    }

    func killContainer(_ call: Call) async throws(EngineError) {
        let signal = try Self.signal(call.request["signal"] ?? "KILL")
        do throws(EngineError) {
            try await engine.kill(call["id"], signal: signal)
        } catch  where error.code == .notFound {
            throw EngineError(.notFound, "cannot kill container: \(call["id"]): \(error.message)", hint: error.hint)
        }
        try await call.connection.respond(.noContent)
    }

    static func signal(_ text: String) throws(EngineError) -> Int32 {
        guard let number = SignalName.number(of: text) else {
            throw EngineError(.invalidArgument, "invalid signal: \(text)", hint: "For example TERM, or 15.")
        }
        return number
    }

    func restartContainer(_ call: Call) async throws(EngineError) {
        try await engine.restart(
            call["id"], timeout: try call.request.number("t"),
            signal: try call.request["signal"].map { (text) throws(EngineError) in try Self.signal(text) })
        try await call.connection.respond(.noContent)
    }

    func pauseContainer(_ call: Call) async throws(EngineError) {
        try await engine.pause(call["id"])
        try await call.connection.respond(.noContent)
    }

    func unpauseContainer(_ call: Call) async throws(EngineError) {
        try await engine.unpause(call["id"])
        try await call.connection.respond(.noContent)
    }

    func renameContainer(_ call: Call) async throws(EngineError) {
        guard let name = call.request["name"] else {
            throw EngineError(.invalidArgument, "Neither old nor new names may be empty")
        }
        try await engine.rename(call["id"], to: name)
        try await call.connection.respond(.noContent)
    }

    func updateContainer(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        let restart = try RestartRequest.policy(from: body)
        let id = try await engine.snapshot(call["id"]).record.id
        try await engine.update(id.description, restart: restart) { limits throws(EngineError) in
            do throws(EngineError) {
                limits = try LimitsRequest.limits(from: body, on: limits)
            } catch  where error.code == .conflict {
                throw EngineError(.conflict, "Cannot update container \(id): \(error.message)", hint: error.hint)
            }
        }
        try await call.connection.respond(["Warnings": nil])
    }

    func removeContainer(_ call: Call) async throws(EngineError) {
        try await engine.remove(
            call["id"], force: call.request.flag("force"), removingVolumes: call.request.flag("v"))
        try await call.connection.respond(.noContent)
    }

    func pruneContainers(_ call: Call) async throws(EngineError) {
        let filter = try PruneFilter(try call.request.filters())
        var removed: [String] = []
        var space: UInt64 = 0
        for snapshot in await engine.snapshots() where !snapshot.record.isActive {
            guard filter.includes(created: snapshot.record.created, labels: snapshot.record.spec.labels) else {
                continue
            }
            let id = snapshot.record.id.description
            let size = (try? await engine.writtenSize(id)) ?? 0  // gone meanwhile: nothing to count
            do throws(EngineError) {
                try await engine.remove(id, force: false, removingVolumes: false)
                removed.append(id)
                space += size
            } catch  where error.code == .notFound || error.code == .conflict {
                // Somebody else was quicker.
            }
        }
        await engine.emit(type: "container", action: "prune", attributes: ["reclaimed": String(space)])
        try await call.connection.respond(["ContainersDeleted": .strings(removed), "SpaceReclaimed": .count(space)])
    }

    func waitContainer(_ call: Call) async throws(EngineError) {
        let name = call.request["condition"] ?? "not-running"
        guard let condition = WaitCondition(rawValue: name) else {
            throw EngineError(.invalidArgument, "invalid condition: \"\(name)\"")
        }
        // The docker CLI goes on only when it has the head of the response.
        let snapshot = try await engine.snapshot(call["id"])
        let id = snapshot.record.id.description
        let task = try await engine.wait(id, for: condition)
        try await call.connection.begin(type: "application/json")
        let status = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        var document: JSONValue = ["StatusCode": .count(status?.code ?? 0), "Error": nil]
        // A removed one has no record to look into.
        if let error = (try? await engine.snapshot(id))?.record.error, !error.isEmpty {
            document["Error"] = ["Message": .string(error)]
        }
        try await call.connection.send(document.encoded() + [0x0A])
        try await call.connection.end()
    }

    func resizeContainer(_ call: Call) async throws(EngineError) {
        let (rows, columns) = try Self.size(call.request)
        try await engine.resize(call["id"], rows: rows, columns: columns)
        try await call.connection.respond(.ok)
    }

    /// The parameters `h` and `w`; both are needed.
    static func size(_ request: Request) throws(EngineError) -> (rows: UInt16, columns: UInt16) {
        var numbers: [UInt16] = []
        for name in ["h", "w"] {
            let text = request[name] ?? ""
            guard let number = Int(text) else {
                throw EngineError(
                    .invalidArgument, "strconv.Atoi: parsing \"\(text)\": invalid syntax",
                    hint: "Give the height as h and the width as w.")
            }
            numbers.append(UInt16(clamping: number))
        }
        return (numbers[0], numbers[1])
    }

    func topContainer(_ call: Call) async throws(EngineError) {
        let format = try ProcessFormat(arguments: call.request["ps_args"] ?? "-ef")
        let table = try await engine.processes(call["id"])
        try await call.connection.respond([
            "Titles": .strings(format.titles), "Processes": .array(format.rows(of: table).map { .strings($0) }),
        ])
    }
}
