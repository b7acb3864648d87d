// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import ImageStore
import OCI
import TandemModel

/// Turns the body of `containers/create` into a specification, with the image's defaults merged in.
struct CreateRequest {
    let body: JSONValue
    let host: JSONValue
    let defaults: ImageConfiguration.Defaults
    /// The workloads that `container:…` names, by what stands there.
    private let joined: [String: WorkloadID]
    /// The mounts of the workloads that `VolumesFrom` names.
    private let inherited: [MountSpec]

    /// - Throws: `.unsupported` for everything that would otherwise be ignored.
    init(
        _ body: JSONValue, image: Image, joined: [String: WorkloadID] = [:], inherited: [MountSpec] = []
    ) throws(EngineError) {
        self.body = body
        self.joined = joined
        self.inherited = inherited
        host = body["HostConfig"]
        defaults = image.configuration.config ?? ImageConfiguration.Defaults()
        try RequestSchema.check(create: body)
        try CreateRefusal.check(body)
    }

    func specification(image: Image) throws(EngineError) -> WorkloadSpec {
        let (arguments, entrypointCount) = try command()
        var spec = WorkloadSpec(
            kind: try kind(), imageReference: text("Image") ?? image.id, imageID: image.id,
            process: try process(arguments), hostname: text("Hostname") ?? "")
        spec.entrypointCount = entrypointCount
        spec.domainname = text("Domainname") ?? ""
        spec.labels = (defaults.labels ?? [:]).merging(body["Labels"].stringMap ?? [:]) { $1 }
        spec.standardInputOnce = body["StdinOnce"].bool ?? false
        spec.readOnlyRoot = host["ReadonlyRootfs"].bool ?? false
        spec.runInit = host["Init"].bool ?? false
        spec.removeOnExit = host["AutoRemove"].bool ?? false
        spec.restart = try RestartRequest.policy(from: host) ?? .never
        guard spec.restart == .never || !spec.removeOnExit else {
            throw EngineError(
                .invalidArgument, "can't create 'AutoRemove' container with restart policy",
                hint: "Leave out --rm or --restart.")
        }
        spec.sysctls = host["Sysctls"].stringMap ?? [:]
        spec.outOfMemoryScoreAdjustment = try outOfMemoryScore()
        if let size = try sharedMemorySize() { spec.sharedMemorySize = size }
        spec.storageSize = try storageSize()
        spec.storageFormat = try storageOption("format")
        spec.storageCache = try storageOption("cache")
        spec.accelerator = try accelerator()
        spec.cgroupParent = host["CgroupParent"].string ?? ""
        let attachments = EndpointRequest(body: body, host: host, joined: joined)
        spec.network = try attachments.mode()
        spec.endpoints = try attachments.endpoints(for: spec.network)
        let ports = PortRequest(body: body, host: host, image: defaults)
        spec.exposedPorts = try ports.exposed()
        spec.ports = try ports.published()
        spec.publishesAllPorts = host["PublishAllPorts"].bool ?? false
        spec.extraHosts = try NetworkRequest.extraHosts(from: host)
        spec.resolver = try NetworkRequest.resolver(from: host)
        spec.namespaces = try NamespaceRequest(host: host, hostname: spec.hostname, joined: joined).namespaces()
        spec.limits = try LimitsRequest.limits(from: host)
        spec.security = try SecurityRequest.security(from: host)
        spec.mounts = try MountRequest.mounts(body: body, host: host, image: defaults, inherited: inherited)
        spec.log = try LogRequest.options(from: host["LogConfig"])
        spec.resourceLimits = try DeviceRequest.processLimits(from: host)
        spec.devices = try DeviceRequest.devices(from: host)
        spec.deviceRules = try DeviceRequest.rules(from: host)
        spec.healthCheck = try HealthRequest.check(from: body["Healthcheck"], image: defaults)
        try setStop(&spec)
        spec.request = RequestDocument.text(of: self)
        spec.annotations = host["Annotations"].stringMap.flatMap { $0.isEmpty ? nil : $0 }
        return spec
    }

    /// What dockerd says about a request that it carries out all the same.
    var warnings: [String] {
        guard host["OomKillDisable"].bool == true, (host["Memory"].integer ?? 0) == 0 else { return [] }
        return [
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
        ]
    }

    func text(_ name: String) -> String? { body[name].string.flatMap { $0.isEmpty ? nil : $0 } }

    // MARK: The process

    private func process(_ arguments: [String]) throws(EngineError) -> ProcessSpec {
        var process = ProcessSpec(arguments: arguments)
        process.environment = environment().filter { $0.contains("=") }
        for entry in body["Env"].strings ?? [] where entry.isEmpty || entry.hasPrefix("=") {
            throw EngineError(.invalidArgument, "invalid environment variable: \(entry)", hint: "Use NAME=VALUE.")
        }
        process.workingDirectory = text("WorkingDir") ?? defaults.workingDirectory ?? ""
        if process.workingDirectory.isEmpty { process.workingDirectory = "/" }
        guard process.workingDirectory.hasPrefix("/") else {
            throw EngineError(
                .invalidArgument,
                "the working directory '\(process.workingDirectory)' is invalid, it needs to be an absolute path",
                hint: "Begin it with a slash.")
        }
        process.user = text("User") ?? defaults.user ?? ""
        process.additionalGroups = host["GroupAdd"].strings ?? []
        process.terminal = body["Tty"].bool ?? false
        process.terminalSize = TerminalSize(host["ConsoleSize"])
        process.openStandardInput = body["OpenStdin"].bool ?? false
        return process
    }

    /// Docker's rule: an entry point of the user's own drops the image's command.
    private func command() throws(EngineError) -> (arguments: [String], entrypointCount: Int) {
        let merged = mergedCommand()
        // `--entrypoint ""` is sent as a list of one empty text.
        let entrypoint = merged.entrypoint == [""] ? [] : merged.entrypoint ?? []
        let arguments = entrypoint + (merged.command ?? [])
        guard !arguments.isEmpty else {
            throw EngineError(.invalidArgument, "no command specified", hint: "Name one after the image.")
        }
        return (arguments, entrypoint.count)
    }

    func mergedCommand() -> (entrypoint: [String]?, command: [String]?) {
        let ownEntrypoint = Self.list(body["Entrypoint"])
        let ownCommand = Self.list(body["Cmd"])
        let command = ownCommand ?? (ownEntrypoint == nil ? defaults.command : nil)
        return (ownEntrypoint ?? defaults.entrypoint, command)
    }

    /// A list, or a single text, as the API allows both.
    private static func list(_ value: JSONValue) -> [String]? {
        if let text = value.string { return text.isEmpty ? nil : [text] }
        guard let list = value.strings, !list.isEmpty else { return nil }
        return list
    }

    /// The user's variables, and behind them those of the image that the user does not name.
    ///
    /// A name without a value takes the image's value away.
    func environment() -> [String] {
        let own = body["Env"].strings ?? []
        let named = Set(own.map { $0.prefix { $0 != "=" } })
        return own + (defaults.environment ?? []).filter { !named.contains($0.prefix { $0 != "=" }) }
    }

    private func kind() throws(EngineError) -> WorkloadKind {
        // docker-py's `create_container` sends it beside the HostConfig.
        let name = host["Runtime"].string.flatMap { $0.isEmpty ? nil : $0 } ?? text("Runtime") ?? ""
        guard !["", "container", "runc"].contains(name) else { return .container }
        guard let kind = WorkloadKind(rawValue: name) else {
            throw EngineError(
                .invalidArgument, "unknown or invalid runtime name: \(name)", hint: "Runtimes are container and vm.")
        }
        return kind
    }

    // MARK: Numbers

    private func outOfMemoryScore() throws(EngineError) -> Int {
        let score = host["OomScoreAdj"].integer ?? 0
        guard (-1_000...1_000).contains(score) else {
            throw EngineError(
                .invalidArgument, "Invalid value \(score), range for oom score adj is [-1000, 1000]",
                hint: "For example --oom-score-adj 500.")
        }
        return Int(score)
    }

    private func sharedMemorySize() throws(EngineError) -> ByteCount? {
        guard let size = host["ShmSize"].integer, size != 0 else { return nil }
        guard size > 0 else {
            throw EngineError(.invalidArgument, "SHM size can not be less than 0", hint: "For example --shm-size 64m.")
        }
        return ByteCount(UInt64(size))
    }

    private func storageSize() throws(EngineError) -> ByteCount? {
        let options = host["StorageOpt"].stringMap ?? [:]
        for name in options.keys.sorted() where !["size", "format", "cache"].contains(name.lowercased()) {
            throw EngineError(.invalidArgument, "Unknown option \(name)", hint: "Known are size, format and cache.")
        }
        guard let text = options.first(where: { $0.key.lowercased() == "size" })?.value else { return nil }
        guard let size = ByteCount(dockerText: text), size.bytes > 0 else {
            throw EngineError(.invalidArgument, "invalid size: '\(text)'", hint: "For example size=10G.")
        }
        return size
    }

    /// An option that is one of a few words.
    private func storageOption<Value>(_ name: String) throws(EngineError) -> Value?
    where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
        let options = host["StorageOpt"].stringMap ?? [:]
        guard let text = options.first(where: { $0.key.lowercased() == name })?.value else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw EngineError(.invalidArgument, "invalid disk \(name): '\(text)'", hint: "Known are \(known).")
        }
        return value
    }

    private func accelerator() throws(EngineError) -> Accelerator? {
        guard let name = host["Annotations"].stringMap?[Accelerator.annotation] else { return nil }
        guard let accelerator = Accelerator(rawValue: name) else {
            throw EngineError(
                .invalidArgument, "there is no accelerator '\(name)'", hint: "Accelerators are kvm and tcg.")
        }
        return accelerator
    }

    private func setStop(_ spec: inout WorkloadSpec) throws(EngineError) {
        if let name = text("StopSignal") ?? defaults.stopSignal, !name.isEmpty {
            guard let number = SignalName.number(of: name) else {
                throw EngineError(.invalidArgument, "invalid signal: \(name)", hint: "For example TERM, or 15.")
            }
            spec.stopSignal = number
        }
        if let timeout = body["StopTimeout"].integer { spec.stopTimeout = Int(clamping: timeout) }
    }
}
