// SPDX-License-Identifier: Apache-2.0

import APIModel
import LinuxSystem
import TandemModel

/// Reads from a HostConfig which devices and process limits a workload has, with Docker's checks and words.
enum DeviceRequest {
    static func devices(from host: JSONValue) throws(EngineError) -> [DeviceSpec] {
        var devices: [DeviceSpec] = []
        for entry in host["Devices"].array ?? [] {
            guard let path = entry["PathOnHost"].string, !path.isEmpty else {
                throw EngineError(.invalidArgument, "a device needs a path on the host", hint: "For example /dev/fuse.")
            }
            let permissions = entry["CgroupPermissions"].string.flatMap { $0.isEmpty ? nil : $0 } ?? "rwm"
            guard permissions.count <= 3, permissions.allSatisfy({ "rwm".contains($0) }) else {
                throw EngineError(.invalidArgument, "invalid device mode: \(permissions)", hint: "Use some of rwm.")
            }
            let target = entry["PathInContainer"].string.flatMap { $0.isEmpty ? nil : $0 } ?? path
            devices.append(DeviceSpec(hostPath: path, path: target, permissions: permissions))
        }
        return devices
    }

    static func rules(from host: JSONValue) throws(EngineError) -> [String] {
        let rules = host["DeviceCgroupRules"].strings ?? []
        for rule in rules where DeviceRule(dockerText: rule) == nil {
            throw EngineError(
                .invalidArgument, "invalid device cgroup rule format: '\(rule)'", hint: "For example c 1:3 rwm.")
        }
        return rules
    }

    static func processLimits(from host: JSONValue) throws(EngineError) -> [ProcessLimit] {
        var limits: [ProcessLimit] = []
        for entry in host["Ulimits"].array ?? [] {
            guard let name = entry["Name"].string, let soft = entry["Soft"].integer, let hard = entry["Hard"].integer
            else {
                throw EngineError(
                    .invalidArgument, "a ulimit needs a name, a soft and a hard value",
                    hint: "For example nofile=1024:2048.")
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
}
