// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// The types of a create request's members: a value of another type would be taken for none.
enum RequestSchema {
    private indirect enum Kind: Sendable {
        case text, flag, number, texts, map, any
        case list(of: Kind)
        case object([String: Kind])

        /// Go's name of the type, as in dockerd's messages.
        var name: String {
            switch self {
            case .text: "string"
            case .flag: "bool"
            case .number: "int64"
            case .texts: "[]string"
            case .map: "map[string]string"
            case .list: "[]"
            case .object: "struct"
            case .any: "any"
            }
        }
    }

    private static let rates: Kind = .list(of: .object(["Path": .text, "Rate": .number, "Weight": .number]))

    private static let body: [String: Kind] = [
        "ArgsEscaped": .flag, "AttachStderr": .flag, "AttachStdin": .flag, "AttachStdout": .flag, "Cmd": .texts,
        "Domainname": .text, "Entrypoint": .texts, "Env": .list(of: .text), "ExposedPorts": .object([:]),
        "HostConfig": .object(host), "Hostname": .text, "Image": .text, "Labels": .map, "MacAddress": .text,
        "NetworkDisabled": .flag,
        "NetworkingConfig": .object(["EndpointsConfig": .object([:])]), "OnBuild": .texts, "OpenStdin": .flag,
        "Healthcheck": .object([
            "Test": .texts, "Interval": .number, "Timeout": .number, "Retries": .number, "StartPeriod": .number,
            "StartInterval": .number,
        ]), "Runtime": .text, "Shell": .texts, "StdinOnce": .flag, "StopSignal": .text, "StopTimeout": .number,
        "Tty": .flag, "User": .text, "Volumes": .object([:]), "WorkingDir": .text,
    ]

    private static let host: [String: Kind] = [
        "Annotations": .map, "AutoRemove": .flag, "Binds": .list(of: .text), "BlkioDeviceReadBps": rates,
        "BlkioDeviceReadIOps": rates, "BlkioDeviceWriteBps": rates, "BlkioDeviceWriteIOps": rates,
        "BlkioWeight": .number, "BlkioWeightDevice": rates, "CapAdd": .texts, "CapDrop": .texts, "CgroupParent": .text,
        "CgroupnsMode": .text, "ConsoleSize": .list(of: .number), "ContainerIDFile": .text, "CpuPeriod": .number,
        "CpuQuota": .number, "CpuShares": .number, "CpusetCpus": .text, "CpusetMems": .text,
        "DeviceCgroupRules": .list(of: .text),
        "Devices": .list(of: .object(["PathOnHost": .text, "PathInContainer": .text, "CgroupPermissions": .text])),
        "Dns": .list(of: .text), "DnsOptions": .list(of: .text), "DnsSearch": .list(of: .text),
        "ExtraHosts": .list(of: .text), "GroupAdd": .list(of: .text), "Init": .flag, "IpcMode": .text,
        "Isolation": .text, "LogConfig": .object(["Type": .text, "Config": .map]), "MaskedPaths": .list(of: .text),
        "Memory": .number, "MemoryReservation": .number, "MemorySwap": .number, "MemorySwappiness": .number,
        "Mounts": .list(
            of: .object([
                "Type": .text, "Source": .text, "Target": .text, "ReadOnly": .flag, "Consistency": .text,
                "BindOptions": .object([
                    "Propagation": .text, "NonRecursive": .flag, "CreateMountpoint": .flag,
                    "ReadOnlyNonRecursive": .flag, "ReadOnlyForceRecursive": .flag,
                ]),
                "VolumeOptions": .object([
                    "NoCopy": .flag, "Labels": .map, "Subpath": .text,
                    "DriverConfig": .object(["Name": .text, "Options": .map]),
                ]), "TmpfsOptions": .object(["SizeBytes": .number, "Mode": .number, "Options": .any]),
            ])), "NanoCpus": .number, "NetworkMode": .text, "OomKillDisable": .flag, "OomScoreAdj": .number,
        "PidMode": .text, "PidsLimit": .number, "PortBindings": .object([:]), "Privileged": .flag,
        "PublishAllPorts": .flag, "ReadonlyPaths": .list(of: .text),
        "ReadonlyRootfs": .flag, "RestartPolicy": .object(["Name": .text, "MaximumRetryCount": .number]),
        "Runtime": .text, "SecurityOpt": .list(of: .text), "ShmSize": .number, "StorageOpt": .map, "Sysctls": .map,
        "Tmpfs": .map, "UTSMode": .text, "UsernsMode": .text,
        "Ulimits": .list(of: .object(["Name": .text, "Soft": .number, "Hard": .number])), "VolumeDriver": .text,
    ]

    /// - Throws: `.invalidArgument` in dockerd's words for the first member of a wrong type.
    static func check(create request: JSONValue) throws(EngineError) { try check(request, .object(body), "") }

    /// The same for the body of `update`, which is a HostConfig.
    static func check(update request: JSONValue) throws(EngineError) { try check(request, .object(host), "") }

    /// The same for the body of `volumes/create`.
    static func check(volume request: JSONValue) throws(EngineError) {
        let kinds: [String: Kind] = ["Name": .text, "Driver": .text, "DriverOpts": .map, "Labels": .map]
        try check(request, .object(kinds), "")
    }

    /// The same for the body of `containers/{id}/exec`.
    static func check(execution request: JSONValue) throws(EngineError) {
        let kinds: [String: Kind] = [
            "AttachStderr": .flag, "AttachStdin": .flag, "AttachStdout": .flag, "Cmd": .texts,
            "ConsoleSize": .list(of: .number), "DetachKeys": .text, "Env": .list(of: .text), "Privileged": .flag,
            "Tty": .flag, "User": .text, "WorkingDir": .text,
        ]
        try check(request, .object(kinds), "")
    }

    private static func check(_ value: JSONValue, _ kind: Kind, _ path: String) throws(EngineError) {
        switch (kind, value) {
        // A single text stands for a list of one where `texts` are wanted.
        case (_, .null), (.any, _), (.text, .string), (.flag, .bool), (.texts, .string): break
        case (.number, .integer): break
        case (.number, .number(let number)) where number == number.rounded(): break
        case (.texts, .array(let list)): for entry in list { try check(entry, .text, path) }
        case (.list(let element), .array(let list)): for entry in list { try check(entry, element, path) }
        case (.map, .object(let members)):
            for (_, entry) in members.sorted(by: { $0.key < $1.key }) { try check(entry, .text, path) }
        case (.object(let kinds), .object(let members)):
            for (name, entry) in members.sorted(by: { $0.key < $1.key }) {
                guard let kind = kinds[name] else { continue }
                try check(entry, kind, path.isEmpty ? name : "\(path).\(name)")
            }
        default:
            throw EngineError(
                .invalidArgument,
                "invalid JSON: json: cannot unmarshal \(word(value)) into Go struct field \(path) of type \(kind.name)",
                hint: "Send a value of that type.")
        }
    }

    private static func word(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "bool"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
