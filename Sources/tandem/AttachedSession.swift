// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import FoundationEssentials
import Glibc

/// Our streams, terminal size and signals joined to a workload's first process, until it ends.
struct AttachedSession {
    let client: TandemClient
    let id: String
    let isTerminal: Bool
    let takesInput: Bool
    let proxiesSignals: Bool

    /// Attaches, lets `begin` start the workload, and waits for its end.
    ///
    /// - Returns: The exit code; 0 if the user has detached.
    func run(
        untilRemoved: Bool, _ begin: @escaping @Sendable () async throws(ClientError) -> TandemClient.Response?
    ) async throws -> Int32 {
        if isTerminal && takesInput && !Output.isTerminal(STDIN_FILENO) {
            // Docker's words; nothing has been started, and what was created for this is removed.
            // What cannot be removed is shown by `ps -a`.
            _ = try? await client.request("DELETE", "/containers/\(id)", query: [("force", "1")])
            throw CommandFailure(1, "the input device is not a TTY", hint: "Leave out -t, or run it in a terminal.")
        }
        let raw = isTerminal && takesInput ? RawTerminal() : nil
        defer { raw?.restore() }
        let watch = watchSignals()
        defer { withExtendedLifetime(watch) {} }
        let query = [("stream", "1"), ("stdout", "1"), ("stderr", "1"), ("stdin", takesInput ? "1" : "0")]
        let (client, id) = (client, id)
        do {
            let end = try await client.hijack("/containers/\(id)/attach", query: query) {
                (connection) throws(ClientError) in
                let waiting = ExitWait(client: client, id: id, condition: untilRemoved ? "removed" : "next-exit")
                await waiting.begin()
                _ = try await begin()
                resize()
                let end = try await ProcessStream(isTerminal: isTerminal, takesInput: takesInput).run(connection)
                return (end, end == .finished ? try await waiting.code() : 0)
            }
            return end.1
        } catch {
            raw?.restore()
            throw Creation.failure(error)
        }
    }

    private func resize() {
        guard isTerminal else { return }
        let size = RawTerminal.size()
        guard size.rows > 0 else { return }
        Task { [client, id] in
            // A size that does not arrive is no failure.
            _ = try? await client.request(
                "POST", "/containers/\(id)/resize", query: [("h", String(size.rows)), ("w", String(size.columns))])
        }
    }

    private func watchSignals() -> SignalWatch {
        var numbers: [Int32] = isTerminal ? [SIGWINCH] : []
        if proxiesSignals && !(isTerminal && takesInput) {
            numbers += SignalWatch.passedByRun
        }
        let session = self
        return SignalWatch(numbers) { number in
            if number == SIGWINCH { return session.resize() }
            Task {
                // It may have ended by itself.
                _ = try? await session.client.request(
                    "POST", "/containers/\(session.id)/kill", query: [("signal", String(number))])
            }
        }
    }
}

extension ProcessStream.End: Equatable {}

/// Waits for a workload's end on a connection of its own.
actor ExitWait {
    private let client: TandemClient
    private let id: String
    private let condition: String
    private var task: Task<Result<Int32, ClientError>, Never>?

    init(client: TandemClient, id: String, condition: String) {
        self.client = client
        self.id = id
        self.condition = condition
    }

    /// Returns when the daemon has registered the wait: the end cannot be missed any more.
    func begin() async {
        let (stream, registered) = AsyncStream.makeStream(of: Void.self)
        let (client, id, condition) = (client, id, condition)
        task = Task {
            defer { registered.finish() }
            do throws(ClientError) {
                let code = try await client.stream(
                    "POST", "/containers/\(id)/wait", query: [("condition", condition)]
                ) { (response) throws(ClientError) in
                    registered.finish()
                    var body: [UInt8] = []
                    while let bytes = try await response.next() { body += bytes }
                    return JSONValue(parsing: Data(body))?["StatusCode"].integer
                }
                return .success(Int32(truncatingIfNeeded: code ?? 125))
            } catch {
                return .failure(error)
            }
        }
        for await _ in stream {}
    }

    /// The exit code.
    func code() async throws(ClientError) -> Int32 {
        guard let task else { return 125 }
        return try await task.value.get()
    }
}
