// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import Glibc
import Synchronization

/// One of Tandem's own calls that start a process, carry its streams and tell its end, all on one connection.
struct ProcessCall {
    let client: TandemClient
    let path: String
    var query: [(String, String)] = []
    let body: JSONValue
    let isTerminal: Bool
    let takesInput: Bool
    /// Where the terminal's size goes, for the process's id.
    let resizePath: @Sendable (String) -> String
    /// Signals of ours that are passed on to the process.
    var passedSignals: [Int32] = []
    /// Called with the id as soon as it is known.
    var onIdentified: @Sendable (String) -> Void = { _ in }

    private final class Answer: Sendable {
        private struct State {
            var id: String?
            var code: Int32?
            var error: ClientError?
        }
        private let state = Mutex(State())

        /// The process's id, once it is known.
        var id: String? { state.withLock { $0.id } }

        func take(_ document: JSONValue) {
            state.withLock { state in
                state.id = document["Id"].string ?? state.id
                state.code = document["StatusCode"].integer.map { Int32(truncatingIfNeeded: $0) }
                let error = document["Error"]
                guard let message = error["message"].string else { return }
                state.error = ClientError(
                    status: 500, message: message, hint: error["hint"].string,
                    code: error["code"].string ?? "internal")
            }
        }

        /// Whether the process has run to its end.
        var isSuccess: Bool { state.withLock { $0.code != nil && $0.error == nil } }

        func result() throws(ClientError) -> Int32 {
            let (code, error) = state.withLock { ($0.code, $0.error) }
            if let error { throw error }
            guard let code else {
                throw ClientError(
                    status: 0, message: "the connection to the daemon was lost",
                    hint: "The daemon's log may say why. Containers go on without it.", code: "unavailable")
            }
            return code
        }
    }

    /// Makes the call.
    ///
    /// - Returns: The process's exit code; 0 if the user has detached.
    /// - Throws: Why it could not be started.
    func run() async throws(ClientError) -> Int32 {
        let raw = isTerminal && takesInput ? RawTerminal() : nil
        defer { raw?.restore() }
        let answer = Answer()
        let stream = ProcessStream(isTerminal: isTerminal, takesInput: takesInput) { document in
            answer.take(document)
            if let id = document["Id"].string { onIdentified(id) }
            guard answer.isSuccess else { return }
            // All output has been written by now. Taking the connection and its threads down in order takes longer than
            // the whole call, so the kernel does it.
            raw?.restore()
            exit((try? answer.result()) ?? 125)
        }
        let watch = watchSignals(answer)
        defer { withExtendedLifetime(watch) {} }
        let end = try await client.hijack(path, query: query, body: body) { (connection) throws(ClientError) in
            try await stream.run(connection)
        }
        return end == .detached ? 0 : try answer.result()
    }

    private func watchSignals(_ answer: Answer) -> SignalWatch {
        let (client, resizePath) = (client, resizePath)
        return SignalWatch((isTerminal ? [SIGWINCH] : []) + passedSignals) { number in
            guard let id = answer.id else {
                // Nothing has been made yet that could take it.
                if number != SIGWINCH { exit(128 + number) }
                return
            }
            Task {
                // It may have ended by itself, and a size that does not arrive is no failure.
                if number == SIGWINCH {
                    let size = RawTerminal.size()
                    _ = try? await client.request(
                        "POST", resizePath(id), query: [("h", String(size.rows)), ("w", String(size.columns))])
                } else {
                    _ = try? await client.request(
                        "POST", "/containers/\(id)/kill", query: [("signal", String(number))])
                }
            }
        }
    }
}

extension SignalWatch {
    /// What `docker run` passes on.
    static let passedByRun = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
}
