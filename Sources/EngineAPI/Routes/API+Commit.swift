// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import ImageStore
import LinuxSystem
import NIOHTTP1
import OCI
import TandemModel

extension API {
    /// `docker commit`.
    func commitContainer(_ call: Call) async throws(EngineError) {
        let body = try await call.request.body()
        let given = body.isEmpty ? JSONValue.null : JSONValue(parsing: Data(body)) ?? .null
        guard let container = call.request["container"] else {
            throw EngineError(.invalidArgument, "the parameter 'container' is missing")
        }
        let snapshot = try await engine.snapshot(container)
        let own = try CommitConfiguration.decode(ContainerDocument.full(snapshot, volumes: engine.volumes)["Config"])
        var defaults = given.object == nil ? own : try CommitConfiguration.decode(given)
        for change in call.request.query["changes"] ?? [] {
            for line in change.split(separator: "\n") { try defaults.commit(change: String(line)) }
        }
        var step = ImageExtension(
            defaults: CommitConfiguration.merge(defaults, with: own),
            createdBy: snapshot.record.spec.process.arguments.dropFirst(snapshot.record.spec.entrypointCount)
                .joined(separator: " "), created: HostTime.now)
        step.comment = call.request["comment"] ?? ""
        step.author = call.request["author"] ?? ""
        if let repository = call.request["repo"] {
            step.reference = try Reference(call.request["tag"].map { "\(repository):\($0)" } ?? repository)
        }
        let image = try await engine.commit(
            snapshot.record.id.description, as: step, pauses: call.request.flag("pause", default: true))
        try await call.connection.respond(["Id": .string(image.id)], .created)
    }
}

/// The configuration of an image that is made from a workload.
enum CommitConfiguration {
    /// Reads Docker's `container.Config`; what says nothing is left out.
    static func decode(_ document: JSONValue) throws(EngineError) -> ImageConfiguration.Defaults {
        let members = (document.object ?? [:]).filter { !$0.value.isEmpty || $0.key == "StopTimeout" }
        let content = Data(JSONValue.object(members.filter { $0.value != .null }).encoded())
        guard let defaults = try? JSONDecoder().decode(ImageConfiguration.Defaults.self, from: content) else {
            throw EngineError(
                .invalidArgument, "invalid JSON: the configuration has a member of a wrong type",
                hint: "Send Docker's container configuration.")
        }
        return defaults
    }

    /// Fills in what is not said, as dockerd's `merge` (daemon/commit.go).
    static func merge(
        _ defaults: ImageConfiguration.Defaults, with own: ImageConfiguration.Defaults
    ) -> ImageConfiguration.Defaults {
        var merged = defaults
        if (merged.user ?? "").isEmpty { merged.user = own.user }
        if let ports = own.exposedPorts { merged.exposedPorts = ports.merging(merged.exposedPorts ?? [:]) { $1 } }
        let named = Set((merged.environment ?? []).map { $0.prefix { $0 != "=" } })
        let missing = (own.environment ?? []).filter { !named.contains($0.prefix { $0 != "=" }) }
        if !missing.isEmpty { merged.environment = (merged.environment ?? []) + missing }
        if let labels = own.labels { merged.labels = labels.merging(merged.labels ?? [:]) { $1 } }
        if (merged.entrypoint ?? []).isEmpty {
            if (merged.command ?? []).isEmpty { merged.command = own.command }
            if merged.entrypoint == nil { merged.entrypoint = own.entrypoint }
        }
        if merged.healthCheck == nil { merged.healthCheck = own.healthCheck }
        if (merged.workingDirectory ?? "").isEmpty { merged.workingDirectory = own.workingDirectory }
        if let volumes = own.volumes { merged.volumes = volumes.merging(merged.volumes ?? [:]) { $1 } }
        return merged
    }
}
