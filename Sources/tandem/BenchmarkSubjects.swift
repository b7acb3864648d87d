// SPDX-License-Identifier: Apache-2.0

import APIModel
import Benchmark
import Client

/// Subjects by their names on the command line.
enum BenchmarkSubjects {
    static func make(_ names: [String], _ client: TandemClient) async throws -> [any Subject] {
        let accelerator = MachineReport(try await client.request("GET", "/tandem/report").json).accelerator
        var subjects: [any Subject] = []
        for name in names {
            switch name {
            case "process": subjects.append(ProcessSubject(client: client))
            case "container": subjects.append(EngineSubject(name: name, client: client, runtime: "container"))
            case "vm":
                guard accelerator != "none" else {
                    throw CommandFailure(1, "VMs do not work on this host", hint: "`tandem doctor` says why.")
                }
                subjects.append(EngineSubject(name: name, client: client, runtime: "vm", remark: accelerator))
            default: subjects.append(try await endpoint(name, client))
            }
        }
        guard Set(names).count == names.count, !names.isEmpty else {
            throw CommandFailure(125, "each subject can be named once", hint: "For example --subjects container,vm.")
        }
        return subjects
    }

    private static func endpoint(_ name: String, _ client: TandemClient) async throws -> EngineSubject {
        let parts = name.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix("unix://") else {
            throw CommandFailure(
                125, "there is no subject '\(name)'",
                hint: "Subjects are process, container, vm, and NAME=unix:///path for another Docker endpoint.")
        }
        let other = try await TandemClient(socketPath: String(parts[1].dropFirst(7))).negotiated()
        return EngineSubject(name: String(parts[0]), client: other, runtime: nil, source: client)
    }
}
