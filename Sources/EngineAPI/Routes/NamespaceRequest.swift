// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Reads from a HostConfig which namespaces a workload has for itself, with Docker's checks and words.
struct NamespaceRequest {
    let host: JSONValue
    let hostname: String
    let joined: [String: WorkloadID]

    /// The names behind `container:` in a HostConfig, to be resolved before anything else.
    static func references(in host: JSONValue) -> [String] {
        ["PidMode", "IpcMode", "NetworkMode"].compactMap { reference(host[$0].string ?? "") }
    }

    static func reference(_ mode: String) -> String? {
        mode.hasPrefix("container:") ? String(mode.dropFirst("container:".count)) : nil
    }

    func namespaces() throws(EngineError) -> NamespaceSpec {
        var spec = NamespaceSpec()
        spec.processes = try processes()
        spec.communication = try communication()
        spec.sharesHostName = try isHost("UTSMode", "UTS mode")
        guard !spec.sharesHostName || hostname.isEmpty else {
            throw EngineError(
                .invalidArgument, "conflicting options: hostname and the UTS mode", hint: "Leave one of them out.")
        }
        // There is no remapping of users that it would have to be exempt from.
        _ = try isHost("UsernsMode", "user namespace mode")
        switch host["CgroupnsMode"].string ?? "" {
        case "", "private": break
        case "host": spec.sharesControlGroups = true
        case let mode:
            throw EngineError(.invalidArgument, "invalid cgroup namespace mode: \(mode)", hint: "Use private or host.")
        }
        return spec
    }

    private func processes() throws(EngineError) -> NamespaceSpec.Processes {
        let mode = host["PidMode"].string ?? ""
        switch mode {
        case "": return .own
        case "host": return .host
        default: return .joined(try target(of: mode, "PID mode"))
        }
    }

    private func communication() throws(EngineError) -> NamespaceSpec.Communication {
        let mode = host["IpcMode"].string ?? ""
        switch mode {
        case "", "private": return .own
        case "shareable": return .shareable
        case "none": return .withoutSharedMemory
        case "host": return .host
        default: return .joined(try target(of: mode, "IPC mode"))
        }
    }

    private func target(of mode: String, _ what: String) throws(EngineError) -> WorkloadID {
        guard let reference = Self.reference(mode), let id = joined[reference] else {
            throw EngineError(
                .invalidArgument, "invalid \(what): \(mode)",
                hint: "Leave it out for a namespace of its own, or use host.")
        }
        return id
    }

    private func isHost(_ name: String, _ what: String) throws(EngineError) -> Bool {
        switch host[name].string ?? "" {
        case "": return false
        case "host": return true
        case let mode:
            throw EngineError(
                .invalidArgument, "invalid \(what): \(mode)",
                hint: "Leave it out for a namespace of its own, or use host.")
        }
    }
}
