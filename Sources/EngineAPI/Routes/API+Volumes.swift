// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import LinuxSystem
import NIOHTTP1
import SystemPackage
import TandemModel
import VolumeStore

extension API {
    private func document(_ volume: Volume) -> JSONValue {
        [
            "Name": .string(volume.name), "Driver": "local",
            "Mountpoint": .string(engine.volumes.path(of: volume).string),
            "CreatedAt": .string(volume.created.rfc3339), "Labels": .map(volume.labels), "Scope": "local",
            "Options": volume.options.isEmpty ? nil : .map(volume.options),
        ]
    }

    func listVolumes(_ call: Call) async throws(EngineError) {
        let filters = try call.request.filters()
        var rows: [JSONValue] = []
        for volume in engine.volumes.all where try await matches(volume, filters) { rows.append(document(volume)) }
        try await call.connection.respond(["Volumes": .array(rows), "Warnings": []])
    }

    private func matches(_ volume: Volume, _ filters: [String: [String]]) async throws(EngineError) -> Bool {
        for (name, values) in filters {
            switch name {
            case "name": guard values.contains(where: volume.name.contains) else { return false }
            case "label": guard values.allSatisfy({ ContainerFilter.label($0, volume.labels) }) else { return false }
            case "driver": guard values.contains("local") else { return false }
            case "dangling":
                let wanted = values.contains { $0 == "true" || $0 == "1" }
                guard await engine.users(ofVolume: volume.name).isEmpty == wanted else { return false }
            case "all": break
            default: throw EngineError(.invalidArgument, "invalid filter '\(name)'")
            }
        }
        return true
    }

    func createVolume(_ call: Call) async throws(EngineError) {
        let body = try await call.request.json()
        let driver = body["Driver"].string ?? ""
        guard driver.isEmpty || driver == "local" else {
            throw EngineError(.notFound, "error looking up volume plugin \(driver): plugin \"\(driver)\" not found")
        }
        let name = body["Name"].string.flatMap { $0.isEmpty ? nil : $0 }
        let volume = try engine.volumes.create(
            name: name, labels: body["Labels"].stringMap ?? [:], options: body["DriverOpts"].stringMap ?? [:])
        await engine.emit(type: "volume", action: "create", id: volume.name, attributes: ["driver": "local"])
        try await call.connection.respond(document(volume), .created)
    }

    func inspectVolume(_ call: Call) async throws(EngineError) {
        try await call.connection.respond(document(try engine.volumes.volume(call["name"])))
    }

    func removeVolume(_ call: Call) async throws(EngineError) {
        let name = call["name"]
        let users = await engine.users(ofVolume: name)
        do throws(EngineError) {
            try await BlockingQueue.run { [engine] () throws(EngineError) in
                try engine.volumes.remove(name, users: users)
            }
        } catch  where error.code == .notFound && call.request.flag("force") {
            // What `--force` means for a volume.
        }
        await engine.emit(type: "volume", action: "destroy", id: name, attributes: ["driver": "local"])
        try await call.connection.respond(.noContent)
    }

    func pruneVolumes(_ call: Call) async throws(EngineError) {
        let filters = try call.request.filters()
        // As Docker since API 1.42: only anonymous ones, unless told otherwise.
        let all = filters["all"]?.contains { $0 == "true" || $0 == "1" } ?? false
        var removed: [String] = []
        var space: UInt64 = 0
        for volume in engine.volumes.all where all || volume.isAnonymous {
            guard await engine.users(ofVolume: volume.name).isEmpty,
                (filters["label"] ?? []).allSatisfy({ ContainerFilter.label($0, volume.labels) })
            else { continue }
            let path = engine.volumes.path(of: volume)
            space += await BlockingQueue.run { Folders.diskUsage(path) }
            try await BlockingQueue.run { [engine] () throws(EngineError) in
                try engine.volumes.remove(volume.name, users: [])
            }
            removed.append(volume.name)
        }
        try await call.connection.respond(["VolumesDeleted": .strings(removed), "SpaceReclaimed": .count(space)])
    }
}
