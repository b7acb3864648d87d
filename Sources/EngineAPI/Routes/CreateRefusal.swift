// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Refuses what a create request asks for and nobody would carry out: all of it at once, each with its reason.
enum CreateRefusal {
    /// Members of the body that are read, or that mean nothing on Linux.
    private static let knownBody: Set<String> = [
        "ArgsEscaped", "AttachStderr", "AttachStdin", "AttachStdout", "Cmd", "Domainname", "Entrypoint", "Env",
        "ExposedPorts", "Healthcheck", "HostConfig", "Hostname", "Image", "Labels", "MacAddress", "NetworkDisabled",
        "NetworkingConfig", "OnBuild", "OpenStdin", "Runtime", "Shell", "StdinOnce", "StopSignal", "StopTimeout", "Tty",
        "User", "Volumes", "WorkingDir",
    ]

    /// Members of the HostConfig that are read, or that only `inspect` repeats.
    private static let knownHost: Set<String> = [
        "Annotations", "AutoRemove", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps",
        "BlkioDeviceWriteIOps", "BlkioWeight", "BlkioWeightDevice", "CapAdd", "CapDrop", "CgroupParent", "CgroupnsMode",
        "ConsoleSize", "ContainerIDFile", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus", "CpusetMems",
        "DeviceCgroupRules", "Devices", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Init", "IpcMode",
        "LogConfig", "MaskedPaths", "Memory", "MemoryReservation", "MemorySwap", "MemorySwappiness", "Mounts",
        "NanoCpus", "NetworkMode", "OomKillDisable", "OomScoreAdj", "PidMode", "PidsLimit", "PortBindings",
        "Privileged", "PublishAllPorts",
        "ReadonlyPaths", "ReadonlyRootfs", "RestartPolicy", "Runtime", "SecurityOpt", "ShmSize", "StorageOpt",
        "Sysctls", "Tmpfs", "UTSMode", "Ulimits", "UsernsMode", "VolumesFrom",
    ]

    /// Values that ask for what is the case anyway.
    private static let harmless: [String: [JSONValue]] = ["VolumeDriver": ["local"], "Isolation": ["default"]]

    private static let windowsOnly = "exists on Windows only"

    private static let reasons: [String: String] = [
        "Cgroup": "control groups of other containers cannot be joined: use CgroupParent",
        "CpuCount": windowsOnly, "CpuPercent": windowsOnly, "IOMaximumBandwidth": windowsOnly,
        "IOMaximumIOps": windowsOnly, "CredentialSpec": windowsOnly,
        "CpuRealtimePeriod": "the daemon's control group has no real-time processor time to give",
        "CpuRealtimeRuntime": "the daemon's control group has no real-time processor time to give",
        "KernelMemory": "kernels have no such limit any more: use Memory",
        "KernelMemoryTCP": "kernels have no such limit any more: use Memory",
        "Links": "make a network instead: workloads on it find each other by name",
        "VolumeDriver": "the only volume driver is local",
    ]

    /// - Throws: `.unsupported` with one sentence that lists everything.
    static func check(_ body: JSONValue) throws(EngineError) {
        var refused: [String] = []
        for (name, value) in body.object ?? [:] where !knownBody.contains(name) && !value.isEmpty {
            refused.append(clause(name, value))
        }
        for (name, value) in body["HostConfig"].object ?? [:] {
            guard !knownHost.contains(name), !value.isEmpty, harmless[name]?.contains(value) != true else { continue }
            refused.append(clause(name, value))
        }
        guard refused.isEmpty else {
            throw EngineError(
                .unsupported, Set(refused).sorted().joined(separator: "; "),
                hint: "Leave it out; it is refused rather than ignored.")
        }
    }

    private static func clause(_ name: String, _ value: JSONValue) -> String {
        switch name {
        case "DeviceRequests":
            // As dockerd says it of a host without the driver.
            let request = value.array?.first ?? .null
            let sets = (request["Capabilities"].array ?? []).map { "[\(($0.strings ?? []).joined(separator: " "))]" }
            return
                "could not select device driver \"\(request["Driver"].string ?? "")\" with capabilities: [\(sets.joined(separator: " "))]"
        case "Isolation":
            return "Invalid isolation: \"\(value.string ?? "")\" - linux only supports 'default'"
        default: return "\(name) is not supported" + (reasons[name].map { " (\($0))" } ?? "")
        }
    }
}
