// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import NIOHTTP1
import SystemPackage
import TandemModel
import VolumeStore

extension API {
    func document(_ volume: Volume) -> JSONValue {
        [
            "Name": .string(volume.name), "Driver": "local",
            "Mountpoint": .string(engine.volumes.path(of: volume).string),
            "CreatedAt": .string(Self.wholeSeconds(volume.created)),
            "Labels": volume.labels.isEmpty ? nil : .map(volume.labels),
            "Scope": "local",
            "Options": volume.options.isEmpty ? nil : .map(volume.options),
        ]
    }

    /// dockerd gives a volume's time without a fraction.
    private static func wholeSeconds(_ time: Timestamp) -> String {
        time.rfc3339.prefix { $0 != "." } + "Z"
    }

    func listVolumes(_ call: Call) async throws(EngineError) {
        let filter = try VolumeFilter(try call.request.filters())
        var rows: [JSONValue] = []
        for volume in engine.volumes.all where filter.matches(volume) {
            if let wanted = filter.dangling, await engine.users(ofVolume: volume.name).isEmpty != wanted { continue }
            rows.append(document(volume))
        }
        try await call.connection.respond(["Volumes": .array(rows), "Warnings": []])
    }

    func createVolume(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        try RequestSchema.check(volume: body)
        let name = body["Name"].string.flatMap { $0.isEmpty ? nil : $0 }
        let volume: Volume
        do throws(EngineError) {
            let driver = body["Driver"].string ?? ""
            guard driver.isEmpty || driver == "local" else {
                throw EngineError(
                    .notFound, "error looking up volume plugin \(driver): plugin \"\(driver)\" not found",
                    hint: "The only driver is local.")
            }
            volume = try await engine.createVolume(
                name: name, labels: body["Labels"].stringMap ?? [:], options: body["DriverOpts"].stringMap ?? [:])
        } catch {
            guard let name, !error.message.hasPrefix("create ") else { throw error }
            throw EngineError(error.code, "create \(name): \(error.message)", hint: error.hint, cause: error)
        }
        try await call.connection.respond(document(volume), .created)
    }

    func inspectVolume(_ call: Call) async throws(EngineError) {
        try await call.connection.respond(document(try engine.volumes.volume(call["name"])))
    }

    func removeVolume(_ call: Call) async throws(EngineError) {
        let name = call["name"]
        do throws(EngineError) {
            try await engine.removeVolume(name)
        } catch  where error.code == .notFound && call.request.flag("force") {
            // What `--force` means for a volume.
        }
        try await call.connection.respond(.noContent)
    }

    func pruneVolumes(_ call: Call) async throws(EngineError) {
        let filter = try VolumeFilter(pruning: try call.request.filters(), version: call.request.version)
        var removed: [String] = []
        var space: UInt64 = 0
        for volume in engine.volumes.all where filter.matches(volume) {
            do throws(EngineError) {
                space += try await engine.removeVolume(volume.name, inPrune: true)
                removed.append(volume.name)
            } catch  where error.code == .conflict || error.code == .notFound {
                // In use, or somebody else was quicker.
            }
        }
        await engine.emit(type: "volume", action: "prune", attributes: ["reclaimed": String(space)])
        try await call.connection.respond(["VolumesDeleted": .strings(removed), "SpaceReclaimed": .count(space)])
    }
}
