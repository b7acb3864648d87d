// SPDX-License-Identifier: Apache-2.0

import Client

/// Where a server is reached.
struct ServerAddress: Sendable, Hashable {
    var host = "127.0.0.1"
    /// What stands for a port, as `80/tcp`, where it is not the port itself.
    var ports: [String: String] = [:]

    /// Puts the address in the place of `{server}`, and ports in those of `{port 80}` and `{port 80/udp}`.
    func put(into word: String) -> String {
        word.replacing("{server}", with: host).replacing(/\{port ([0-9]+)(\/udp)?\}/) { match in
            let port = String(match.output.1)
            return ports["\(port)\(match.output.2 ?? "/tcp")"] ?? port
        }
    }
}

/// A workload that waits for commands which talk with a server.
struct ServedWorkload: HeldWorkload {
    let client: any HeldWorkload
    /// `nil` if the workload is the server itself.
    let server: (any HeldWorkload)?
    let address: ServerAddress

    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
        try await client.execute(command.map(address.put))
    }

    func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] {
        try await client.footprint(idle: idle)
    }

    func stop() async throws(BenchmarkError) -> Double? { try await client.stop() }

    func release() async {
        await client.release()
        await server?.release()
    }
}
