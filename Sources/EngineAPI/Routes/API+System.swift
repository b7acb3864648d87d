// SPDX-License-Identifier: Apache-2.0

import APIModel
import Backend
import Engine
import FoundationEssentials
import ImageStore
import LinuxSystem
import NIOHTTP1
import Registry
import SystemPackage
import TandemModel

extension API {
    func ping(_ call: Call) async throws(EngineError) {
        try await call.connection.respond(
            .ok, call.request.method == .HEAD ? [] : Array("OK".utf8), type: "text/plain; charset=utf-8",
            headers: [
                ("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"),
                ("Builder-Version", "1"), ("Swarm", "inactive"),
            ])
    }

    func version(_ call: Call) async throws(EngineError) {
        let details: JSONValue = [
            "ApiVersion": .string(APIVersion.newest), "MinAPIVersion": .string(APIVersion.oldest), "Os": "linux",
            "Arch": .string(Self.architecture), "KernelVersion": .string(HostInformation.kernelRelease),
        ]
        try await call.connection.respond([
            "Platform": ["Name": "Tandem"],
            "Components": [["Name": "Engine", "Version": .string(APIVersion.product), "Details": details]],
            "Version": .string(APIVersion.product), "ApiVersion": .string(APIVersion.newest),
            "MinAPIVersion": .string(APIVersion.oldest), "GitCommit": "", "GoVersion": "", "Os": "linux",
            "Arch": .string(Self.architecture), "KernelVersion": .string(HostInformation.kernelRelease),
            "BuildTime": .string(host.started.rfc3339),
        ])
    }

    static var architecture: String { HostInformation.machine == "aarch64" ? "arm64" : "amd64" }

    func info(_ call: Call) async throws(EngineError) {
        let snapshots = await engine.snapshots()
        let reports = await engine.reports()
        let checks = reports.flatMap(\.checks)
        let cgroup = checks.first { $0.name == "cgroup" }
        let count = { (state: WorkloadState) in JSONValue.count(snapshots.count { $0.record.state == state }) }
        var warnings: [String] = []
        for check in checks where check.outcome != .ok {
            warnings.append("\(check.name): \(check.detail)")
        }
        let proxies = engine.proxies.shown
        try await call.connection.respond([
            "ID": .string(Self.identity(of: engine.paths.dataRoot)), "Name": .string(HostInformation.hostname),
            "Containers": .count(snapshots.count), "ContainersRunning": count(.running),
            "ContainersPaused": count(.paused),
            "ContainersStopped": .count(snapshots.count { !$0.record.isRunning }),
            "Images": .count(engine.images.images.count),
            "Driver": "erofs-overlayfs",
            "DriverStatus": [["Backing Filesystem", .string(FileSystemType.name(of: engine.paths.dataRoot))]],
            "DockerRootDir": .string(engine.paths.dataRoot.string),
            "Plugins": [
                "Volume": ["local"], "Network": ["bridge", "host", "macvlan", "null", "vxlan"],
                "Log": ["json-file", "none"],
            ],
            "MemoryLimit": true, "SwapLimit": .bool(Cgroups.countsSwap), "CpuCfsPeriod": true, "CpuCfsQuota": true,
            "CPUShares": true,
            "CPUSet": true, "PidsLimit": true, "OomKillDisable": .bool(Cgroups.canSwitchKillerOff),
            "IPv4Forwarding": true, "Debug": false,
            "NFd": .count(Folders.names(in: "/proc/self/fd").count), "NGoroutines": 0, "CDISpecDirs": [],
            "SystemTime": .string(HostTime.now.rfc3339), "LoggingDriver": "json-file",
            "CgroupDriver": "cgroupfs", "CgroupVersion": .string(cgroup?.detail.hasPrefix("v2") == true ? "2" : "1"),
            "NEventsListener": 0, "KernelVersion": .string(HostInformation.kernelRelease),
            "OperatingSystem": .string(HostInformation.operatingSystem), "OSType": "linux",
            "OSVersion": .string(HostInformation.operatingSystemVersion),
            "Architecture": .string(HostInformation.machine), "NCPU": .count(HostInformation.processors),
            "MemTotal": .count(HostInformation.memory), "IndexServerAddress": "", "RegistryConfig": [:],
            "HttpProxy": .string(proxies.http), "HttpsProxy": .string(proxies.https),
            "NoProxy": .string(proxies.exceptions), "Labels": [], "ExperimentalBuild": false,
            "ServerVersion": .string(APIVersion.product),
            "Runtimes": ["container": ["path": "tandem-init"], "vm": ["path": "libvirt"]],
            "DefaultRuntime": "container",
            "Swarm": [
                "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
            ],
            "LiveRestoreEnabled": true, "Isolation": "", "InitBinary": "tandem-init",
            "SecurityOptions": ["name=seccomp,profile=builtin"], "Warnings": .strings(warnings),
        ])
    }

    /// A name that no other daemon has, the same at every start: of the host, and of what the daemon keeps on it.
    private static func identity(of dataRoot: FilePath) -> String {
        // A host without the file has at least a name.
        let machine = (try? String(contentsOfFile: "/etc/machine-id", encoding: .utf8)) ?? HostInformation.hostname
        return "\(machine.filter { !$0.isWhitespace })-\(dataRoot.lexicallyNormalized())"
            .replacing("/", with: "_")
    }
}

/// Points in time as Docker's clients send them: seconds since 1970 with a fraction, or RFC 3339.
enum TimeParameter {
    static func parse(_ text: String) throws(EngineError) -> Timestamp {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if let seconds = Int64(parts[0]) {
            let digits = parts.count > 1 ? parts[1].prefix(9) : ""
            let fraction = Int64(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
            return Timestamp(nanoseconds: seconds * 1_000_000_000 + fraction)
        }
        if let date = try? Date(text, strategy: .iso8601) {  // not RFC 3339: refused below
            return Timestamp(nanoseconds: Int64(date.timeIntervalSince1970 * 1_000_000_000))
        }
        throw EngineError(
            .invalidArgument, "invalid value for a time: '\(text)'", hint: "Give seconds since 1970, or RFC 3339.")
    }
}
