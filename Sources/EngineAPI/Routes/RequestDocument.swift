// SPDX-License-Identifier: Apache-2.0

import APIModel
import Backend
import FoundationEssentials
import OCI
import TandemModel

/// A create request as dockerd keeps it.
///
/// What the user said, in the user's words, with the image's defaults and nothing left out: `inspect` repeats it.
enum RequestDocument {
    /// `Config` and `HostConfig` as one JSON document.
    static func text(of request: CreateRequest) -> String {
        let document: JSONValue = ["Config": configuration(request), "HostConfig": host(request)]
        return String(decoding: document.encoded(), as: UTF8.self)
    }

    /// The two parts of a kept document; empty for a workload that was made before there were any.
    static func parts(of spec: WorkloadSpec) -> (configuration: JSONValue, host: JSONValue) {
        let document = JSONValue(parsing: Data(spec.request.utf8)) ?? [:]
        let part = { (name: String) -> JSONValue in document[name] == .null ? [:] : document[name] }
        return (part("Config"), part("HostConfig"))
    }

    // MARK: Config

    private static func configuration(_ request: CreateRequest) -> JSONValue {
        let (body, image) = (request.body, request.defaults)
        let flag = { (name: String) in JSONValue.bool(body[name].bool ?? false) }
        let (entrypoint, command) = request.mergedCommand()
        var document: JSONValue = [
            "AttachStdin": flag("AttachStdin"), "AttachStdout": flag("AttachStdout"),
            "AttachStderr": flag("AttachStderr"), "Tty": flag("Tty"), "OpenStdin": flag("OpenStdin"),
            "StdinOnce": flag("StdinOnce"), "Env": .strings(request.environment()),
            "Cmd": command.map { .strings($0) } ?? nil, "Entrypoint": entrypoint.map { .strings($0) } ?? nil,
            "Volumes": volumes(request),
            "WorkingDir": .string(request.text("WorkingDir") ?? image.workingDirectory ?? ""),
            "OnBuild": nil,
        ]
        // dockerd leaves these out where they say nothing.
        if let signal = request.text("StopSignal") ?? image.stopSignal { document["StopSignal"] = .string(signal) }
        for name in ["StopTimeout", "ArgsEscaped", "NetworkDisabled", "Shell", "OnBuild"] where !body[name].isEmpty {
            document[name] = body[name]
        }
        // Zero is a time to wait, too.
        if body["StopTimeout"].integer != nil { document["StopTimeout"] = body["StopTimeout"] }
        var ports = body["ExposedPorts"].object ?? [:]
        for port in (image.exposedPorts ?? [:]).keys { ports[port] = [:] }
        if !ports.isEmpty { document["ExposedPorts"] = .object(ports) }
        return document
    }

    private static func volumes(_ request: CreateRequest) -> JSONValue {
        var volumes = request.body["Volumes"].object ?? [:]
        for target in (request.defaults.volumes ?? [:]).keys { volumes[target] = [:] }
        return volumes.isEmpty ? nil : .object(volumes)
    }

    // MARK: HostConfig

    /// Members that are repeated as they came, or as null.
    private static let lists = [
        "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "CapAdd", "CapDrop", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns", "DnsOptions",
        "DnsSearch", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt", "Ulimits", "VolumesFrom",
    ]

    /// Members that are left out where they say nothing.
    private static let omitted = ["Annotations", "StorageOpt", "Sysctls", "Tmpfs"]

    private static func host(_ request: CreateRequest) -> JSONValue {
        let host = request.host
        var document: JSONValue = [
            "ContainerIDFile": .string(host["ContainerIDFile"].string ?? ""),
            "ConsoleSize": host["ConsoleSize"].array.map { .array($0) } ?? [0, 0],
            "PortBindings": host["PortBindings"],
            "UsernsMode": .string(host["UsernsMode"].string ?? ""),
            "VolumeDriver": .string(host["VolumeDriver"].string ?? ""),
            "Isolation": .string(host["Isolation"].string ?? ""), "Cgroup": "",
            "PublishAllPorts": .bool(host["PublishAllPorts"].bool ?? false),
            "CpuCount": 0, "CpuPercent": 0, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "IOMaximumBandwidth": 0,
            "IOMaximumIOps": 0, "KernelMemory": 0, "KernelMemoryTCP": 0,
            "LogConfig": [
                "Type": .string(host["LogConfig"]["Type"].string.flatMap { $0.isEmpty ? nil : $0 } ?? "json-file"),
                "Config": .map(host["LogConfig"]["Config"].stringMap ?? [:]),
            ],
        ]
        for name in lists {
            // A single text stands for a list of one.
            document[name] = host[name].string.map { [.string($0)] } ?? host[name]
        }
        let mounts = (host["Mounts"].array ?? []).map { JSONValue.object(($0.object ?? [:]).filter { !$1.isEmpty }) }
        if !mounts.isEmpty { document["Mounts"] = .array(mounts) }
        for name in omitted where !host[name].isEmpty { document[name] = host[name] }
        if host["Init"].bool != nil { document["Init"] = host["Init"] }
        return document
    }
}
