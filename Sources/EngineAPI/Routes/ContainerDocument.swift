// SPDX-License-Identifier: Apache-2.0

import APIModel
import Backend
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
    static func summary(_ snapshot: WorkloadSnapshot, volumes: VolumeStore? = nil) -> JSONValue {
        let record = snapshot.record
        return [
            "Id": .string(record.id.description), "Names": ["/\(record.name)".json],
            "Image": .string(record.spec.imageReference), "ImageID": .string(record.spec.imageID),
            "Command": .string(command(record.spec.process.arguments)),
            "Created": .count(record.created.nanoseconds / 1_000_000_000), "Ports": NetworkDocument.ports(record),
            "Labels": .map(record.spec.labels), "State": .string(record.state.rawValue),
            "Status": .string(status(record)),
            "HostConfig": hostSummary(record.spec), "NetworkSettings": ["Networks": NetworkDocument.endpoints(record)],
            "Mounts": .array(record.spec.mounts.compactMap { mount($0, volumes) }),
            "Runtime": .string(record.spec.kind.rawValue),
        ]
    }

    private static func hostSummary(_ spec: WorkloadSpec) -> JSONValue {
        var summary: JSONValue = ["NetworkMode": .string(spec.network.rawValue)]
        if let annotations = spec.annotations { summary["Annotations"] = .map(annotations) }
        return summary
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

    // MARK: Inspect

    /// The whole document of `containers/{id}/json`.
    ///
    /// What dockerd keeps beside the root has no path here: the three generated files lie in the root itself, and a VM's root
    /// is on its own disk, so that there is no folder for `GraphDriver` to name either.
    static func full(_ snapshot: WorkloadSnapshot, volumes: VolumeStore) -> JSONValue {
        let record = snapshot.record
        let spec = record.spec
        let arguments = spec.process.arguments
        let request = RequestDocument.parts(of: spec)
        let hasLog = spec.log.driver == .jsonFile && record.started != nil
        return [
            "Id": .string(record.id.description), "Created": .string(record.created.rfc3339),
            "Path": .string(arguments.first ?? ""), "Args": .strings(Array(arguments.dropFirst())),
            "State": state(snapshot), "Image": .string(spec.imageID), "ResolvConfPath": "", "HostnamePath": "",
            "HostsPath": "", "LogPath": .string(hasLog ? snapshot.logPath.string : ""),
            "Name": "/\(record.name)".json, "RestartCount": .count(record.restartCount), "Driver": "erofs-overlayfs",
            "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
            "ExecIDs": snapshot.executions.isEmpty ? nil : .strings(snapshot.executions),
            "HostConfig": request.host.merging(hostConfiguration(spec)),
            "GraphDriver": ["Name": "erofs-overlayfs", "Data": [:]],
            "Mounts": .array(spec.mounts.compactMap { mount($0, volumes) }),
            "Config": request.configuration.merging(configuration(spec)),
            "NetworkSettings": NetworkDocument.settings(record),
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

    /// What the request does not say in the same words.
    private static func configuration(_ spec: WorkloadSpec) -> JSONValue {
        var document: JSONValue = [
            "Hostname": .string(spec.hostname), "Domainname": .string(spec.domainname),
            "User": .string(spec.process.user), "Image": .string(spec.imageReference), "Labels": .map(spec.labels),
        ]
        if let check = spec.healthCheck { document["Healthcheck"] = HealthDocument.configuration(check) }
        return document
    }

    /// What the request does not say in the same words, and what may have been changed since.
    private static func hostConfiguration(_ spec: WorkloadSpec) -> JSONValue {
        let security = spec.security
        var document: JSONValue = [
            "NetworkMode": .string(spec.network.rawValue),
            "RestartPolicy": [
                "Name": .string(spec.restart.name), "MaximumRetryCount": .count(spec.restart.maximumRetries),
            ],
            "AutoRemove": .bool(spec.removeOnExit), "CgroupParent": .string(spec.cgroupParent),
            "OomScoreAdj": .count(spec.outOfMemoryScoreAdjustment), "Privileged": .bool(security.privileged),
            "ReadonlyRootfs": .bool(spec.readOnlyRoot), "ShmSize": .count(spec.sharedMemorySize.bytes),
            "Runtime": .string(spec.kind.rawValue),
        ]
        document["CgroupnsMode"] = spec.namespaces.sharesControlGroups ? "host" : "private"
        document["IpcMode"] = .string(ipcMode(spec.namespaces))
        document["PidMode"] = .string(pidMode(spec.namespaces))
        document["UTSMode"] = spec.namespaces.sharesHostName ? "host" : ""
        let standard: (masked: [String], readOnly: [String])? =
            security.privileged ? nil : RootLowering.standardPaths
        document["MaskedPaths"] = paths(security.maskedPaths ?? standard?.masked)
        document["ReadonlyPaths"] = paths(security.readOnlyPaths ?? standard?.readOnly)
        return document.merging(limits(spec.limits))
    }

    private static func paths(_ paths: [String]?) -> JSONValue { paths.map { .strings($0) } ?? .null }

    private static func limits(_ limits: ResourceLimits) -> JSONValue {
        let isSwapUnlimited = (limits.memoryAndSwap?.bytes ?? 0) >= UInt64(Int64.max)
        var document: JSONValue = [
            "Memory": .count(limits.memory?.bytes ?? 0),
            "MemoryReservation": .count(limits.memoryReservation?.bytes ?? 0),
            "OomKillDisable": .bool(limits.outOfMemoryKillerDisabled), "NanoCpus": .count(limits.nanoCPUs ?? 0),
            "CpuPeriod": .count(limits.cpuPeriod ?? 0), "CpuQuota": .count(limits.cpuQuota ?? 0),
            "CpuShares": .count(limits.cpuShares ?? 0), "CpusetCpus": .string(limits.cpuset),
            "CpusetMems": .string(limits.memoryNodes), "BlkioWeight": .count(limits.block.weight ?? 0),
        ]
        document["MemorySwap"] = isSwapUnlimited ? -1 : .count(limits.memoryAndSwap?.bytes ?? 0)
        document["MemorySwappiness"] = limits.swappiness.map { .count($0) } ?? .null
        document["PidsLimit"] = limits.pids.map { .count(max(0, $0)) } ?? .null
        return document
    }

    private static func pidMode(_ namespaces: NamespaceSpec) -> String {
        switch namespaces.processes {
        case .own: ""
        case .host: "host"
        case .joined(let id): "container:\(id)"
        }
    }

    private static func ipcMode(_ namespaces: NamespaceSpec) -> String {
        switch namespaces.communication {
        case .own: "private"
        case .shareable: "shareable"
        case .withoutSharedMemory: "none"
        case .host: "host"
        case .joined(let id): "container:\(id)"
        }
    }

    /// dockerd lists tmpfs mounts of `Mounts`, but not those of `Tmpfs`.
    private static func mount(_ mount: MountSpec, _ volumes: VolumeStore?) -> JSONValue? {
        var document: JSONValue = [
            "Destination": .string(mount.target), "Mode": .string(mount.mode), "RW": .bool(!mount.readOnly),
            "Propagation": "",
        ]
        switch mount.source {
        case .bind(let path):
            document["Type"] = "bind"
            document["Source"] = .string(path)
            document["Propagation"] = .string(mount.propagation)
        case .volume(let name):
            document["Type"] = "volume"
            document["Name"] = .string(name)
            document["Driver"] = "local"
            // A volume that is gone has no folder.
            let path = try? volumes.map { (store) throws(EngineError) in store.path(of: try store.volume(name)).string }
            document["Source"] = .string(path ?? "")
        case .tmpfs:
            guard mount.isListed else { return nil }
            document["Type"] = "tmpfs"
            document["Source"] = ""
        }
        return document
    }
}

extension String {
    fileprivate var json: JSONValue { .string(self) }
}
