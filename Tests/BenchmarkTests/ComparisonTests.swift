// SPDX-License-Identifier: Apache-2.0

import Client
import Foundation
import TandemModel
import Testing

@testable import Benchmark

@Suite("Comparisons")
struct ComparisonTests {
    @Test("the typical run is the one in the middle, and only among those of its kind")
    func typical() {
        let trace = StartupTrace(requested: 0)
        func run(_ kind: WorkloadKind, _ exit: UInt64) -> Comparison.Run {
            Comparison.Run(kind: kind, round: 0, firstByte: nil, exit: exit, cleanup: nil, code: 0, trace: trace)
        }
        let comparison = Comparison(
            settings: .init(image: "i", command: [], runs: 3, warmups: 0, idleRuns: 0),
            host: .init(
                operatingSystem: "", kernel: "", processors: 1, memory: 1, version: "", accelerator: "kvm",
                acceleratorReason: ""),
            runs: [run(.container, 30), run(.container, 10), run(.container, 20), run(.vm, 99)], idle: [], failures: [])
        #expect(comparison.typicalRun(.container)?.exit == 20)
        #expect(comparison.measures.first { $0.name == "time to exit" }?.vm == [99])
        #expect(comparison.measures.first { $0.name == "time to first byte" }?.summary(.vm) == nil)
    }

    @Test("without a daemon a comparison says so")
    func noDaemon() async throws {
        let folder = try RunFolder()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let runner = ComparisonRunner(
            client: TandemClient(socketPath: "/nonexistent/s"), folder: folder,
            settings: .init(image: "i", command: [], runs: 1, warmups: 0, idleRuns: 0))
        await #expect(throws: BenchmarkError.self) { try await runner.run { _ in } }
    }
}
