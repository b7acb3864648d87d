// SPDX-License-Identifier: Apache-2.0

import APIModel
import Benchmark
import Client
import TandemModel

/// Subjects by their names on the command line.
struct BenchmarkSubjects {
    let client: TandemClient
    let folder: RunFolder

    func make(_ names: [String]) async throws -> [any Subject] {
        let machines = MachineReport(try await client.request("GET", "/tandem/report").json)
        var subjects: [any Subject] = []
        for name in names {
            guard let own = OwnSubject(rawValue: name) else {
                subjects.append(try await endpoint(name))
                continue
            }
            switch own {
            case .process: subjects.append(ProcessSubject(client: client, folder: folder))
            case .container:
                subjects.append(EngineSubject(name: name, client: client, folder: folder, runtime: "container"))
            case .machine: subjects.append(try machine(name, nil, machines))
            case .machineByKVM: subjects.append(try machine(name, .kvm, machines))
            case .machineByEmulation: subjects.append(try machine(name, .tcg, machines))
            }
        }
        guard Set(names).count == names.count, !names.isEmpty else {
            throw CommandFailure(125, "each subject can be named once", hint: "For example --subjects container,vm.")
        }
        return subjects
    }

    /// VMs; their processors are run by what is demanded, or, if that is `nil`, by what the engine has chosen.
    private func machine(
        _ name: String, _ demanded: Accelerator?, _ machines: MachineReport
    ) throws -> EngineSubject {
        guard machines.accelerator != "none" else {
            throw CommandFailure(1, "VMs do not work on this host", hint: "`tandem doctor` says why.")
        }
        if let demanded, !machines.works(demanded) {
            throw CommandFailure(
                1, "VMs by \(demanded.rawValue) do not work on this host: \(machines.reason)",
                hint: "The accelerator that works is \(machines.accelerator).")
        }
        return EngineSubject(
            name: name, client: client, folder: folder, runtime: "vm", accelerator: demanded,
            remark: demanded?.rawValue ?? machines.accelerator)
    }

    private func endpoint(_ name: String) async throws -> EngineSubject {
        let parts = name.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix("unix://") else {
            throw CommandFailure(
                125, "there is no subject '\(name)'",
                hint: "Subjects are \(OwnSubject.names), and NAME=unix:///path for another Docker endpoint.")
        }
        let other = try await TandemClient(socketPath: String(parts[1].dropFirst(7))).negotiated()
        let version = try await other.request("GET", "/version").json
        // Both dockerd and Podman name themselves in their first component.
        let program = version["Components"].array?.first?["Name"].string ?? "Engine"
        return EngineSubject(
            name: String(parts[0]), client: other, folder: folder, runtime: nil,
            remark: "\(program) \(version["Version"].string ?? "")", source: client)
    }
}
