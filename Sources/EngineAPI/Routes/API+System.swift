// SPDX-License-Identifier: Apache-2.0

import APIModel
import Backend
import Engine
import FoundationEssentials
import ImageStore
import LinuxSystem
import NIOHTTP1
import SystemPackage
import TandemModel

extension API {
    func ping(_ call: Call) async throws(EngineError) {
        try await call.connection.respond(
            .ok, call.request.method == .HEAD ? [] : Array("OK".utf8), type: "text/plain; charset=utf-8",
            headers: [
                ("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"),
                ("Builder-Version", "1"),
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
        try await call.connection.respond([
            "ID": .string(engine.paths.dataRoot.string), "Name": .string(HostInformation.hostname),
            "Containers": .count(snapshots.count), "ContainersRunning": count(.running),
            "ContainersPaused": count(.paused),
            "ContainersStopped": .count(snapshots.count { !$0.record.isRunning }),
            "Images": .count(engine.images.images.count),
            "Driver": "erofs-overlayfs", "DriverStatus": [], "DockerRootDir": .string(engine.paths.dataRoot.string),
            "Plugins": ["Volume": ["local"], "Network": ["none", "host"], "Log": ["json-file", "none"]],
            "MemoryLimit": true, "SwapLimit": false, "CpuCfsPeriod": true, "CpuCfsQuota": true, "CPUShares": true,
            "CPUSet": true, "PidsLimit": true, "OomKillDisable": false, "IPv4Forwarding": true, "Debug": false,
            "NFd": 0, "NGoroutines": 0, "SystemTime": .string(HostTime.now.rfc3339), "LoggingDriver": "json-file",
            "CgroupDriver": "cgroupfs", "CgroupVersion": .string(cgroup?.detail.hasPrefix("v2") == true ? "2" : "1"),
            "NEventsListener": 0, "KernelVersion": .string(HostInformation.kernelRelease),
            "OperatingSystem": .string(HostInformation.operatingSystem), "OSType": "linux",
            "Architecture": .string(HostInformation.machine), "NCPU": .count(HostInformation.processors),
            "MemTotal": .count(HostInformation.memory), "IndexServerAddress": "", "RegistryConfig": [:],
            "HttpProxy": "", "HttpsProxy": "", "NoProxy": "", "Labels": [], "ExperimentalBuild": false,
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

    func events(_ call: Call) async throws(EngineError) {
        let filters = try call.request.filters()
        let since = try call.request["since"].map { (text) throws(EngineError) in try TimeParameter.parse(text) }
        let until = try call.request["until"].map { (text) throws(EngineError) in try TimeParameter.parse(text) }
        let (past, live) = await engine.events()
        try await call.connection.begin(type: "application/json")
        if let since {
            for event in past where event.time >= since && until.map({ event.time <= $0 }) ?? true {
                try await send(event, filters, call.connection)
            }
        }
        if let until, until <= HostTime.now { return try await call.connection.end() }
        for await event in live {
            if let until, event.time > until { break }
            try await send(event, filters, call.connection)
        }
        try await call.connection.end()
    }

    private func send(
        _ event: EngineEvent, _ filters: [String: [String]], _ connection: Connection
    ) async throws(EngineError) {
        let action = event.action
        let isWanted = filters.allSatisfy { name, values in
            switch name {
            case "type": values.contains(event.type)
            case "event": values.contains { action == $0 || action.hasPrefix("\($0):") }
            case "container": values.contains { event.id.hasPrefix($0) || event.attributes["name"] == $0 }
            case "image": values.contains { event.attributes["image"] == $0 || event.id == $0 }
            case "volume": event.type == "volume" && values.contains(event.id)
            case "label":
                values.contains { value in
                    let parts = value.split(separator: "=", maxSplits: 1).map(String.init)
                    return parts.count == 2 ? event.attributes[parts[0]] == parts[1] : event.attributes[value] != nil
                }
            default: false
            }
        }
        guard isWanted else { return }
        let document: JSONValue = [
            "Type": .string(event.type), "Action": .string(action), "status": .string(action), "id": .string(event.id),
            "from": .string(event.attributes["image"] ?? ""), "scope": "local",
            "Actor": ["ID": .string(event.id), "Attributes": .map(event.attributes)],
            "time": .count(event.time.nanoseconds / 1_000_000_000), "timeNano": .count(event.time.nanoseconds),
        ]
        try await connection.send(document.encoded() + [0x0A])
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
