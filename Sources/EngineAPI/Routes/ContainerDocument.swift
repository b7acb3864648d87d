// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import LinuxSystem
import SystemPackage
import TandemModel
import VolumeStore

/// Workloads in the form of Docker's API.
enum ContainerDocument {
    /// Docker writes this where there is no time.
    private static let noTime = "0001-01-01T00:00:00Z"

    /// A row of `containers/json`.
    static func summary(_ snapshot: WorkloadSnapshot) -> JSONValue {
        let record = snapshot.record
        return [
            "Id": .string(record.id.description), "Names": ["/\(record.name)".json],
            "Image": .string(record.spec.imageReference), "ImageID": .string(record.spec.imageID),
            "Command": .string(command(record.spec.process.arguments)),
            "Created": .count(record.created.nanoseconds / 1_000_000_000), "Ports": [],
            "Labels": .map(record.spec.labels), "State": .string(record.state.rawValue),
            "Status": .string(status(record)),
            "HostConfig": ["NetworkMode": .string(record.spec.network.rawValue)], "NetworkSettings": ["Networks": [:]],
            "Mounts": .array(record.spec.mounts.map { mount($0, nil) }), "Runtime": .string(record.spec.kind.rawValue),
        ]
    }

    /// The command with its arguments; those with spaces in quotes.
    private static func command(_ arguments: [String]) -> String {
        let rest = arguments.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }
        return ([arguments.first ?? ""] + rest).joined(separator: " ")
    }

    /// Docker's words, for example `Up 5 minutes (Paused)`.
    static func status(_ record: WorkloadRecord) -> String {
        switch record.state {
        case .created: return "Created"
        case .removing: return "Removal In Progress"
        case .dead: return "Dead"
        case .restarting: return "Restarting (\(record.exit?.code ?? 0)) \(ago(record.finished)) ago"
        case .exited: return "Exited (\(record.exit?.code ?? 0)) \(ago(record.finished)) ago"
        case .running: return "Up \(ago(record.started))" + HealthDocument.suffix(record.health)
        case .paused: return "Up \(ago(record.started)) (Paused)"
        }
    }

    private static func ago(_ time: Timestamp?) -> String {
        guard let time else { return "Less than a second" }
        return duration(seconds: max(0, (HostTime.now.nanoseconds - time.nanoseconds) / 1_000_000_000))
    }

    /// go-units' `HumanDuration`.
    static func duration(seconds: Int64) -> String {
        let minutes = seconds / 60
        let hours = (seconds + 1_800) / 3_600
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(hours / 24 / 365) years"
        }
    }

    /// `HH:MM:SS`.
    static func clock(_ seconds: UInt64) -> String {
        [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : String($0) }.joined(
            separator: ":")
    }

    // MARK: Inspect

    /// The whole document of `containers/{id}/json`.
    static func full(_ snapshot: WorkloadSnapshot, volumes: VolumeStore) -> JSONValue {
        let record = snapshot.record
        let spec = record.spec
        let arguments = spec.process.arguments
        return [
            "Id": .string(record.id.description), "Created": .string(record.created.rfc3339),
            "Path": .string(arguments.first ?? ""), "Args": .strings(Array(arguments.dropFirst())),
            "State": state(snapshot), "Image": .string(spec.imageID), "ResolvConfPath": "", "HostnamePath": "",
            "HostsPath": "", "LogPath": .string(spec.log.driver == .jsonFile ? snapshot.logPath.string : ""),
            "Name": "/\(record.name)".json, "RestartCount": .count(record.restartCount), "Driver": "erofs-overlayfs",
            "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
            "ExecIDs": snapshot.executions.isEmpty ? nil : .strings(snapshot.executions),
            "HostConfig": hostConfiguration(spec), "GraphDriver": ["Name": "erofs-overlayfs", "Data": [:]],
            "Mounts": .array(spec.mounts.map { mount($0, volumes) }), "Config": configuration(spec),
            "NetworkSettings": [
                "Bridge": "", "SandboxID": "", "Ports": [:], "IPAddress": "", "Gateway": "", "MacAddress": "",
                "Networks": .object([spec.network.rawValue: ["NetworkID": "", "IPAddress": ""]]),
            ],
            "Tandem": [
                "Kind": .string(spec.kind.rawValue), "Trace": record.trace.map { JSONValue(encoding: $0) } ?? nil,
            ],
        ]
    }

    private static func state(_ snapshot: WorkloadSnapshot) -> JSONValue {
        let record = snapshot.record
        var document: JSONValue = [
            "Status": .string(record.state.rawValue), "Running": .bool(record.isActive),
            "Paused": .bool(record.state == .paused), "Restarting": .bool(record.state == .restarting),
            "OOMKilled": .bool(record.exit?.outOfMemory ?? false), "Dead": .bool(record.state == .dead),
            "Pid": .count(snapshot.processID ?? 0), "ExitCode": .count(record.isRunning ? 0 : record.exit?.code ?? 0),
            "Error": .string(record.error), "StartedAt": .string(record.started?.rfc3339 ?? noTime),
            "FinishedAt": .string(record.finished?.rfc3339 ?? noTime),
        ]
        if let health = record.health { document["Health"] = HealthDocument.full(health) }
        return document
    }

    private static func configuration(_ spec: WorkloadSpec) -> JSONValue {
        let arguments = spec.process.arguments
        let entrypoint = Array(arguments.prefix(spec.entrypointCount))
        var document: JSONValue = [
            "Hostname": .string(spec.hostname), "Domainname": .string(spec.domainname),
            "User": .string(spec.process.user),
            "AttachStdin": .bool(spec.process.openStandardInput), "AttachStdout": true, "AttachStderr": true,
            "Tty": .bool(spec.process.terminal), "OpenStdin": .bool(spec.process.openStandardInput),
            "StdinOnce": .bool(spec.standardInputOnce), "Env": .strings(spec.process.environment),
            "Cmd": .strings(Array(arguments.dropFirst(spec.entrypointCount))), "Image": .string(spec.imageReference),
            "Volumes": nil, "WorkingDir": .string(spec.process.workingDirectory),
            "Entrypoint": entrypoint.isEmpty ? nil : .strings(entrypoint), "OnBuild": nil, "Labels": .map(spec.labels),
            "StopSignal": .string(SignalName.name(of: spec.stopSignal)), "StopTimeout": .count(spec.stopTimeout),
        ]
        if let check = spec.healthCheck { document["Healthcheck"] = HealthDocument.configuration(check) }
        return document
    }

    private static func hostConfiguration(_ spec: WorkloadSpec) -> JSONValue {
        let security = spec.security
        let limits = spec.limits
        return [
            "Binds": .strings(binds(spec)), "NetworkMode": .string(spec.network.rawValue), "PortBindings": [:],
            "RestartPolicy": [
                "Name": .string(spec.restart.name), "MaximumRetryCount": .count(spec.restart.maximumRetries),
            ],
            "AutoRemove": .bool(spec.removeOnExit),
            "LogConfig": ["Type": .string(spec.log.driver.rawValue), "Config": .map(logOptions(spec.log))],
            "CapAdd": security.addedCapabilities.isEmpty ? nil : .strings(security.addedCapabilities),
            "CapDrop": security.droppedCapabilities.isEmpty ? nil : .strings(security.droppedCapabilities),
            "CgroupnsMode": "private", "IpcMode": "private", "PidMode": "", "UTSMode": "", "UsernsMode": "",
            "ExtraHosts": .strings(spec.extraHosts), "GroupAdd": .strings(spec.process.additionalGroups),
            "OomScoreAdj": .count(spec.outOfMemoryScoreAdjustment), "Privileged": .bool(security.privileged),
            "PublishAllPorts": false, "ReadonlyRootfs": .bool(spec.readOnlyRoot),
            "SecurityOpt": .strings(securityOptions(security)), "ShmSize": .count(spec.sharedMemorySize.bytes),
            "Sysctls": .map(spec.sysctls), "Runtime": .string(spec.kind.rawValue), "Init": .bool(spec.runInit),
            "Memory": .count(limits.memory?.bytes ?? 0), "MemorySwap": .count(limits.memoryAndSwap?.bytes ?? 0),
            "MemoryReservation": .count(limits.memoryReservation?.bytes ?? 0), "NanoCpus": .count(limits.nanoCPUs ?? 0),
            "CpuShares": .count(limits.cpuShares ?? 0), "CpusetCpus": .string(limits.cpuset),
            "PidsLimit": limits.pids.map { .count($0) } ?? nil,
            "Ulimits": .array(
                spec.resourceLimits.map {
                    ["Name": .string($0.name), "Soft": .count($0.soft), "Hard": .count($0.hard)]
                }),
            "Devices": .array(
                spec.devices.map {
                    [
                        "PathOnHost": .string($0.hostPath), "PathInContainer": .string($0.path),
                        "CgroupPermissions": .string($0.permissions),
                    ]
                }),
        ]
    }

    private static func binds(_ spec: WorkloadSpec) -> [String] {
        spec.mounts.compactMap { mount in
            let suffix = mount.readOnly ? ":ro" : ""
            switch mount.source {
            case .bind(let path): return "\(path):\(mount.target)\(suffix)"
            case .volume(let name): return mount.anonymous ? nil : "\(name):\(mount.target)\(suffix)"
            case .tmpfs: return nil
            }
        }
    }

    private static func logOptions(_ log: LogOptions) -> [String: String] {
        var options: [String: String] = [:]
        if let size = log.maximumSize { options["max-size"] = String(size.bytes) }
        if log.maximumFiles > 1 { options["max-file"] = String(log.maximumFiles) }
        return options
    }

    private static func securityOptions(_ security: SecuritySpec) -> [String] {
        var options: [String] = []
        if security.noNewPrivileges { options.append("no-new-privileges") }
        switch security.seccomp {
        case .standard: break
        case .unconfined: options.append("seccomp=unconfined")
        case .profile(let json): options.append("seccomp=\(json)")
        }
        if !security.systemPathsMasked { options.append("systempaths=unconfined") }
        return options
    }

    private static func mount(_ mount: MountSpec, _ volumes: VolumeStore?) -> JSONValue {
        var document: JSONValue = [
            "Destination": .string(mount.target), "Mode": mount.readOnly ? "ro" : "", "RW": .bool(!mount.readOnly),
            "Propagation": .string(mount.propagation),
        ]
        switch mount.source {
        case .bind(let path):
            document["Type"] = "bind"
            document["Source"] = .string(path)
        case .volume(let name):
            document["Type"] = "volume"
            document["Name"] = .string(name)
            document["Driver"] = "local"
            // A volume that is gone has no folder.
            let path = try? volumes.map { (store) throws(EngineError) in store.path(of: try store.volume(name)).string }
            document["Source"] = .string(path ?? "")
        case .tmpfs:
            document["Type"] = "tmpfs"
            document["Source"] = ""
        }
        return document
    }
}

extension String {
    fileprivate var json: JSONValue { .string(self) }
}
