// SPDX-License-Identifier: Apache-2.0

import Benchmark

/// Under which conditions something was measured, for the head of a report.
enum Conditions {
    /// One line for each of: the host, the virtual machines' machinery, what was the same in all runs.
    static func lines(_ result: BenchmarkResult) -> [String] {
        let environment = result.environment
        let memory = Figure.text(Double(environment.memory), .bytes)
        let host = [
            environment.operatingSystem, "Linux \(environment.kernel)",
            "\(environment.processors) × \(environment.processor)", memory, "cgroups v\(environment.cgroupVersion)",
        ]
        let reason = environment.acceleratorReason.isEmpty ? "" : " (\(environment.acceleratorReason))"
        let machines = [
            "VM accelerator \(environment.accelerator)\(reason)", "guest kernel \(environment.guestKernel)",
            environment.hypervisor.map { "libvirt \($0)" },
        ]
        func values(_ name: Suite.Parameter.Name) -> String? { result.suite.values(of: name)?.joined(separator: "/") }
        let run = [
            "page cache \(values(.cache) ?? result.suite.cache.rawValue)",
            "network \(values(.network) ?? "none")", environment.storage.map { "storage \($0)" },
            "Tandem \(environment.version)", "seed \(result.seed)", "environment \(environment.fingerprint)",
        ]
        return [host, machines, run].map { $0.compactMap(\.self).joined(separator: ", ") }
    }

    /// What a command that does nothing takes, which is in every duration; `nil` if nobody measured it.
    static func harness(_ result: BenchmarkResult) -> String? {
        guard !result.harness.isEmpty else { return nil }
        let costs = result.subjectOrder.compactMap { name in
            result.harness[name].map { "\(name) \(Figure.text($0, unit: "s"))" }
        }
        return "The harness itself needs for a command that does nothing: \(costs.joined(separator: ", "))."
    }
}
