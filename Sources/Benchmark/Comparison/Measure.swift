// SPDX-License-Identifier: Apache-2.0

public import Statistics
public import TandemModel

/// One row of a comparison.
public struct Measure: Sendable, Hashable, Codable {
    /// What a figure counts.
    public enum Unit: String, Sendable, Hashable, Codable {
        /// Nanoseconds.
        case nanoseconds
        /// Bytes.
        case bytes
        /// Things.
        case count
    }

    /// What is measured.
    public var name: String
    /// From which event to which.
    public var explanation: String
    /// What the figures count.
    public var unit: Unit
    /// The samples of the container.
    public var container: [Double]
    /// The samples of the VM.
    public var vm: [Double]

    /// Summary of a kind's samples; `nil` without any.
    public func summary(_ kind: WorkloadKind) -> Summary? { Summary(kind == .vm ? vm : container) }

    /// The VM's median to the container's; `nil` if one has none.
    public var ratio: MedianRatio? { MedianRatio(of: vm, to: container) }
}

extension Comparison {
    /// The rows, in the order in which they are shown.
    public var measures: [Measure] {
        [
            times("time to first byte", "from sending the create request to the first byte of output at the client") {
                $0.firstByte
            },
            times("time to exit", "from sending the create request to the client's knowledge of the end") { $0.exit },
            times("clean-up", "from the end of the first process to the release of everything on the host") {
                $0.cleanup
            },
            idle("host memory, idle", "PSS of every host process that exists only because of the workload", .bytes) {
                $0.hostMemory
            },
            idle("guest's own use", "memory in use by the guest's kernel and processes", .bytes) { $0.guestMemory },
            idle("writable layer", "bytes on disk of the writable layer or disk", .bytes) { $0.storage },
            idle("host processes", "processes that exist only because of the workload", .count) { Int64($0.processes) },
            idle("host threads", "their threads", .count) { Int64($0.threads) },
        ]
    }

    private func times(_ name: String, _ explanation: String, _ value: (Run) -> UInt64?) -> Measure {
        func samples(_ kind: WorkloadKind) -> [Double] {
            runs.filter { $0.kind == kind }.compactMap(value).map { Double($0) }
        }
        return Measure(
            name: name, explanation: explanation, unit: .nanoseconds, container: samples(.container), vm: samples(.vm))
    }

    private func idle(_ name: String, _ explanation: String, _ unit: Measure.Unit, _ value: (Idle) -> Int64?) -> Measure
    {
        func samples(_ kind: WorkloadKind) -> [Double] {
            idle.filter { $0.kind == kind }.compactMap(value).map { Double($0) }
        }
        return Measure(
            name: name, explanation: explanation, unit: unit, container: samples(.container), vm: samples(.vm))
    }

    /// The kernel that a kind's workloads see.
    public func kernel(_ kind: WorkloadKind) -> String? { idle.first { $0.kind == kind }?.kernel }
}
