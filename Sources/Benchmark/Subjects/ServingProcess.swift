// SPDX-License-Identifier: Apache-2.0

import Client

/// A server as a process of the host; it ends with everything that it has started in its group.
struct ServingProcess: HeldWorkload {
    let task: Task<HostProgram.Result, Never>

    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
        throw BenchmarkError("a server runs no commands")
    }

    func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] { [:] }

    func stop() async throws(BenchmarkError) -> Double? { nil }

    func release() async {
        task.cancel()
        _ = await task.value
    }
}
