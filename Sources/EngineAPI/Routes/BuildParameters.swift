// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import FoundationEssentials
import ImageStore
import OCI
import Registry
import TandemModel

/// Reads the query of `POST /build`.
enum BuildParameters {
    static func request(_ query: Request, _ engine: Engine) throws(EngineError) -> BuildRequest {
        try refuse(query)
        let host = try hostConfiguration(query)
        let arguments = try arguments(query)
        let kind = query["runtime"] ?? arguments["TANDEM_RUNTIME"] ?? nil
        // Refused here, not at the first command.
        let shared = host.merging(["Runtime": .string(kind ?? "")])
        let credentials = RegistryHeader.all(of: query)
        let makesDefault = query.flag("defaultimage") && !query.flag("pull")
        var request = BuildRequest { (reference, report) async throws(EngineError) in
            // As `tandem run` does.
            guard !makesDefault || reference.description != ImageStore.defaultReference else {
                _ = try await engine.images.makeDefaultImage()
                return
            }
            let known = credentials[reference.registry] ?? .anonymous
            try await engine.pull(PullRequest(reference, credentials: known), report: report)
        } specification: { (image, line) throws(EngineError) in
            let body: JSONValue = [
                "Image": .string(image.id), "Cmd": .strings(line), "Entrypoint": [""], "HostConfig": shared,
            ]
            return try CreateRequest(body, image: image).specification(image: image)
        }
        request.dockerfile = query["dockerfile"] ?? "Dockerfile"
        for name in query.query["t"] ?? [] where !name.isEmpty { request.names.append(try Reference(name)) }
        request.target = query["target"] ?? ""
        request.pulls = query.flag("pull")
        request.ignoresCache = query.flag("nocache")
        request.removesSteps = query.flag("rm", default: true)
        request.alwaysRemovesSteps = query.flag("forcerm")
        request.platform = query["platform"] ?? ""
        request.arguments = arguments
        request.labels = try map(query, "labels").compactMapValues(\.string)
        request.cacheSources = try list(query, "cachefrom")
        return request
    }

    private static func refuse(_ query: Request) throws(EngineError) {
        guard (query["version"] ?? "1") == "1" else {
            throw EngineError(
                .unsupported, "BuildKit is not supported: this is the classic builder", hint: "Set DOCKER_BUILDKIT=0.")
        }
        guard query["remote"] != "client-session" else {
            throw EngineError(
                .unsupported, "contexts of BuildKit's sessions are not supported", hint: "Set DOCKER_BUILDKIT=0.")
        }
        guard !query.flag("squash") else {
            throw EngineError(.unsupported, "squashing layers is not supported", hint: "Leave out --squash.")
        }
        if let text = query["outputs"], text != "null", text != "[]" {
            throw EngineError(
                .unsupported, "other outputs than an image are not supported", hint: "Leave out --output.")
        }
    }

    /// What holds for every command that is executed.
    private static func hostConfiguration(_ query: Request) throws(EngineError) -> JSONValue {
        var host: JSONValue = [:]
        for (name, member) in [
            ("memory", "Memory"), ("memswap", "MemorySwap"), ("cpushares", "CpuShares"), ("cpuperiod", "CpuPeriod"),
            ("cpuquota", "CpuQuota"), ("shmsize", "ShmSize"),
        ] {
            if let number = try query.number(name), number != 0 { host[member] = .count(number) }
        }
        for (name, member) in [
            ("cpusetcpus", "CpusetCpus"), ("cpusetmems", "CpusetMems"), ("cgroupparent", "CgroupParent"),
        ] {
            if let text = query[name] { host[member] = .string(text) }
        }
        if let mode = query["networkmode"], mode != "default" { host["NetworkMode"] = .string(mode) }
        if let text = query["extrahosts"] { host["ExtraHosts"] = .strings(text.split(separator: ",").map(String.init)) }
        if let text = query["ulimits"], let limits = JSONValue(parsing: Data(text.utf8)) { host["Ulimits"] = limits }
        return host
    }

    private static func arguments(_ query: Request) throws(EngineError) -> [String: String?] {
        try map(query, "buildargs").mapValues(\.string)
    }

    private static func map(_ query: Request, _ name: String) throws(EngineError) -> [String: JSONValue] {
        guard let text = query[name], text != "null" else { return [:] }
        guard let members = JSONValue(parsing: Data(text.utf8))?.object else {
            throw EngineError(
                .invalidArgument, "the parameter '\(name)' is no JSON object", hint: "For example {\"NAME\":\"value\"}."
            )
        }
        return members
    }

    private static func list(_ query: Request, _ name: String) throws(EngineError) -> [String] {
        guard let text = query[name], text != "null" else { return [] }
        guard let list = JSONValue(parsing: Data(text.utf8))?.strings else {
            throw EngineError(
                .invalidArgument, "the parameter '\(name)' is no JSON list", hint: "For example [\"image\"].")
        }
        return list
    }
}
