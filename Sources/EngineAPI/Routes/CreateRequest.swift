// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import ImageStore
import OCI
import TandemModel

/// Turns the body of `containers/create` into a specification, with the image's defaults merged in.
struct CreateRequest {
    private let body: JSONValue
    private let host: JSONValue
    private let defaults: ImageConfiguration.Defaults

    /// - Throws: `.unsupported` for everything that would otherwise be ignored.
    init(_ body: JSONValue, image: Image) throws(EngineError) {
        self.body = body
        host = body["HostConfig"]
        defaults = image.configuration.config ?? ImageConfiguration.Defaults()
        try Self.refuseUnknown(host)
    }

    func specification(image: Image) throws(EngineError) -> WorkloadSpec {
        let (arguments, entrypointCount) = try command()
        var process = ProcessSpec(arguments: arguments)
        process.environment = environment()
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
        var spec = WorkloadSpec(
            kind: try kind(), imageReference: text("Image") ?? image.id, imageID: image.id, process: process,
            hostname: text("Hostname") ?? "")
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
        spec.extraHosts = try extraHosts()
        spec.outOfMemoryScoreAdjustment = try outOfMemoryScoreAdjustment()
        if let size = host["ShmSize"].integer, size > 0 { spec.sharedMemorySize = ByteCount(UInt64(size)) }
        spec.network = try network()
        spec.limits = try LimitsRequest.limits(from: host, on: ResourceLimits())
        spec.security = try security()
        spec.mounts = try MountRequest.mounts(body: body, host: host, image: defaults)
        spec.log = try log()
        spec.resourceLimits = try processLimits()
        spec.devices = try devices()
        spec.healthCheck = try HealthRequest.check(from: body["Healthcheck"], image: defaults)
        try setStop(&spec)
        return spec
    }

    private func text(_ name: String) -> String? { body[name].string.flatMap { $0.isEmpty ? nil : $0 } }

    /// Docker's rule: an entry point of the user's own drops the image's command.
    private func command() throws(EngineError) -> (arguments: [String], entrypointCount: Int) {
        let ownEntrypoint = list(body["Entrypoint"])
        let ownCommand = list(body["Cmd"])
        var entrypoint = ownEntrypoint ?? defaults.entrypoint ?? []
        // `--entrypoint ""` is sent as a list of one empty text.
        if entrypoint == [""] { entrypoint = [] }
        var command = ownCommand ?? []
        if command.isEmpty && ownEntrypoint == nil { command = defaults.command ?? [] }
        guard !(entrypoint + command).isEmpty else {
            throw EngineError(.invalidArgument, "no command specified", hint: "Name one after the image.")
        }
        return (entrypoint + command, entrypoint.count)
    }

    /// A list, or a single text, as the API allows both.
    private func list(_ value: JSONValue) -> [String]? {
        if let text = value.string { return text.isEmpty ? nil : [text] }
        guard let list = value.strings, !list.isEmpty else { return nil }
        return list
    }

    private func environment() -> [String] {
        let own = body["Env"].strings ?? []
        let named = Set(own.map { $0.prefix { $0 != "=" } })
        // A name without a value takes the image's value away.
        return (defaults.environment ?? []).filter { !named.contains($0.prefix { $0 != "=" }) }
            + own.filter { $0.contains("=") }
    }

    private func kind() throws(EngineError) -> WorkloadKind {
        switch host["Runtime"].string ?? "" {
        case "", "container", "runc": return .container
        case let name:
            guard let kind = WorkloadKind(rawValue: name) else {
                throw EngineError(
                    .invalidArgument, "unknown or invalid runtime name: \(name)", hint: "Runtimes are container and vm."
                )
            }
            return kind
        }
    }

    private func network() throws(EngineError) -> NetworkMode {
        switch host["NetworkMode"].string ?? "" {
        case "", "default", "none": return .none
        case "host": return .host
        case let name:
            throw EngineError(
                .unsupported, "the network '\(name)' is not supported yet",
                hint: "Use --network none or --network host.")
        }
    }

    private func log() throws(EngineError) -> LogOptions {
        let configuration = host["LogConfig"]
        var options = LogOptions()
        switch configuration["Type"].string ?? "" {
        case "", "json-file", "default": break
        case "none": options.driver = .none
        case let name:
            throw EngineError(
                .unsupported, "logger: no log driver named '\(name)' is registered", hint: "Use json-file or none.")
        }
        for (name, value) in configuration["Config"].stringMap ?? [:] {
            switch name {
            case "max-size":
                guard let size = ByteCount(dockerText: value), size.bytes > 0 else {
                    throw EngineError(
                        .invalidArgument, "invalid value for the log option max-size: '\(value)'",
                        hint: "For example max-size=10m.")
                }
                options.maximumSize = size
            case "max-file":
                guard let count = Int(value), count > 0 else {
                    throw EngineError(
                        .invalidArgument, "max-file cannot be less than 1: '\(value)'", hint: "For example max-file=3.")
                }
                options.maximumFiles = count
            default:
                throw EngineError(
                    .invalidArgument, "unknown log opt '\(name)' for json-file log driver",
                    hint: "Known are max-size and max-file.")
            }
        }
        if options.maximumFiles > 1 && options.maximumSize == nil {
            throw EngineError(
                .invalidArgument, "max-file cannot be used without max-size",
                hint: "Add max-size, for example max-size=10m.")
        }
        return options
    }

    private func processLimits() throws(EngineError) -> [ProcessLimit] {
        var limits: [ProcessLimit] = []
        for entry in host["Ulimits"].array ?? [] {
            guard let name = entry["Name"].string, let soft = entry["Soft"].integer, let hard = entry["Hard"].integer
            else {
                throw EngineError(.invalidArgument, "a ulimit needs a name, a soft and a hard value")
            }
            let value = { (number: Int64) in number < 0 ? UInt64.max : UInt64(number) }
            guard value(soft) <= value(hard) else {
                throw EngineError(
                    .invalidArgument, "ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)",
                    hint: "For example nofile=1024:2048.")
            }
            limits.append(ProcessLimit(name: name, soft: value(soft), hard: value(hard)))
        }
        return limits
    }

    private func devices() throws(EngineError) -> [DeviceSpec] {
        var devices: [DeviceSpec] = []
        for entry in host["Devices"].array ?? [] {
            guard let path = entry["PathOnHost"].string else {
                throw EngineError(.invalidArgument, "a device needs a path on the host")
            }
            devices.append(
                DeviceSpec(
                    hostPath: path, path: entry["PathInContainer"].string ?? path,
                    permissions: entry["CgroupPermissions"].string ?? "rwm"))
        }
        return devices
    }

    /// `NAME:ADDRESS`, as dockerd checks them.
    private func extraHosts() throws(EngineError) -> [String] {
        let lines = host["ExtraHosts"].strings ?? []
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw EngineError(
                    .invalidArgument, "bad format for add-host: \"\(line)\"", hint: "For example db:192.0.2.7.")
            }
        }
        return lines
    }

    private func outOfMemoryScoreAdjustment() throws(EngineError) -> Int {
        let value = host["OomScoreAdj"].integer ?? 0
        guard (-1_000...1_000).contains(value) else {
            throw EngineError(
                .invalidArgument, "Invalid value \(value), range for oom score adj is [-1000, 1000]",
                hint: "For example --oom-score-adj 500.")
        }
        return Int(value)
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

    private func security() throws(EngineError) -> SecuritySpec {
        var security = SecuritySpec()
        security.privileged = host["Privileged"].bool ?? false
        security.addedCapabilities = host["CapAdd"].strings ?? []
        security.droppedCapabilities = host["CapDrop"].strings ?? []
        // The docker CLI sends empty lists for `--security-opt systempaths=unconfined`.
        if host["MaskedPaths"].array?.isEmpty == true && host["ReadonlyPaths"].array?.isEmpty == true {
            security.systemPathsMasked = false
        }
        for option in host["SecurityOpt"].strings ?? [] {
            let separator: Character = option.contains("=") ? "=" : ":"
            let parts = option.split(separator: separator, maxSplits: 1).map(String.init)
            switch (parts.first ?? "", parts.dropFirst().first ?? "") {
            case ("no-new-privileges", let value):
                guard ["", "true", "false"].contains(value) else {
                    throw EngineError(
                        .invalidArgument, "invalid --security-opt 2: \"\(option)\"",
                        hint: "Use no-new-privileges=true or =false.")
                }
                security.noNewPrivileges = value != "false"
            case ("seccomp", "unconfined"): security.seccomp = .unconfined
            case ("seccomp", "builtin"): security.seccomp = .standard
            case ("seccomp", let json): security.seccomp = .profile(json: json)
            case ("systempaths", "unconfined"): security.systemPathsMasked = false
            case ("apparmor", "unconfined"), ("label", "disable"): break
            default:
                throw EngineError(
                    .unsupported, "the security option '\(option)' is not supported",
                    hint: "Known are no-new-privileges, seccomp=… and systempaths=unconfined.")
            }
        }
        return security
    }

    // MARK: What is not supported

    /// Members that are read above, or that mean nothing here.
    private static let known: Set<String> = [
        "AutoRemove", "Binds", "CapAdd", "CapDrop", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus", "Devices",
        "ExtraHosts", "GroupAdd", "Init", "LogConfig", "MaskedPaths", "Memory", "MemoryReservation", "MemorySwap",
        "Mounts",
        "NanoCpus", "NetworkMode", "OomScoreAdj", "PidsLimit", "Privileged", "ReadonlyPaths", "ReadonlyRootfs",
        "RestartPolicy", "Runtime",
        "SecurityOpt", "ShmSize", "Sysctls", "Tmpfs", "Ulimits", "ConsoleSize", "VolumeDriver",
    ]

    /// Values that ask for what is the case anyway.
    private static let harmless: [String: [JSONValue]] = [
        "MemorySwappiness": [-1], "IpcMode": ["private"], "CgroupnsMode": ["private"], "VolumeDriver": ["local"],
        "BlkioWeightDevice": [[]], "Isolation": ["default"],
    ]

    private static func refuseUnknown(_ host: JSONValue) throws(EngineError) {
        guard (host["PortBindings"].object ?? [:]).isEmpty, host["PublishAllPorts"].bool != true else {
            throw EngineError(
                .unsupported, "publishing ports is not supported yet",
                hint: "Leave it out, or give a container the host's network: --network host.")
        }
        var refused: [String] = []
        for (name, value) in host.object ?? [:] {
            guard !known.contains(name), !value.isEmpty, harmless[name]?.contains(value) != true else { continue }
            refused.append(name)
        }
        guard refused.isEmpty else {
            let names = refused.sorted().joined(separator: ", ")
            throw EngineError(
                .unsupported, "not supported yet: \(names)", hint: "Leave it out; it is refused rather than ignored.")
        }
    }
}
