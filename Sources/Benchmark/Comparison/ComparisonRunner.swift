// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Client
import FoundationEssentials
import TandemModel

/// Runs the same image as a container and as a VM, in turns, and measures both.
public struct ComparisonRunner: Sendable {
    /// How far a comparison is.
    public struct Progress: Sendable {
        /// What is being done, for example `run 3 of 10, VM`.
        public var step: String
        /// Steps that are over.
        public var done: Int
        /// All steps.
        public var total: Int
    }

    private let client: TandemClient
    private let settings: Comparison.Settings
    private let folder: RunFolder

    /// Prepares a comparison; `folder` records what it makes.
    public init(client: TandemClient, folder: RunFolder, settings: Comparison.Settings) {
        self.client = client
        self.folder = folder
        self.settings = settings
    }

    /// Measures.
    ///
    /// - Throws: If the daemon or the image is missing; single runs that fail are reported in the result.
    public func run(_ progress: @Sendable (Progress) -> Void) async throws(BenchmarkError) -> Comparison {
        try folder.add(socket: client.socketPath)
        do throws(ClientError) { return try await measure(progress) } catch { throw BenchmarkError(error) }
    }

    private func measure(_ progress: @Sendable (Progress) -> Void) async throws(ClientError) -> Comparison {
        var comparison = Comparison(settings: settings, host: try await host(), runs: [], idle: [], failures: [])
        try await BenchmarkImage.require(settings.image, client)
        let total = 2 * (settings.warmups + settings.runs + settings.idleRuns)
        var done = 0
        func step(_ text: String) {
            progress(Progress(step: text, done: done, total: total))
            done += 1
        }
        for round in -settings.warmups..<settings.runs {
            for kind in WorkloadKind.allCases.shuffled() {
                step(
                    round < 0
                        ? "warm-up, \(Self.label(kind))" : "run \(round + 1) of \(settings.runs), \(Self.label(kind))")
                do throws(ClientError) {
                    let run = try await measureRun(kind, round)
                    if run.code != 0 {
                        comparison.failures.append(
                            .init(kind: kind, round: round, reason: "the command ended with \(run.code)"))
                    } else if round >= 0 {
                        comparison.runs.append(run)
                    }
                } catch {
                    comparison.failures.append(.init(kind: kind, round: round, reason: error.message))
                }
                guard !Task.isCancelled else { return comparison }
            }
        }
        for number in 0..<settings.idleRuns {
            for kind in WorkloadKind.allCases.shuffled() {
                step("idle \(number + 1) of \(settings.idleRuns), \(Self.label(kind))")
                do throws(ClientError) {
                    comparison.idle.append(try await measureIdle(kind, comparison.host.kernel))
                } catch {
                    comparison.failures.append(.init(kind: kind, round: number, reason: "idle: \(error.message)"))
                }
                guard !Task.isCancelled else { return comparison }
            }
        }
        progress(Progress(step: "done", done: total, total: total))
        return comparison
    }

    private static func label(_ kind: WorkloadKind) -> String { kind == .vm ? "VM" : "container" }

    // MARK: Facts

    private func host() async throws(ClientError) -> Comparison.Host {
        let report = try await client.request("GET", "/tandem/report").json
        let machine = MachineReport(report)
        return Comparison.Host(
            operatingSystem: report["operatingSystem"].string ?? "", kernel: report["kernel"].string ?? "",
            processors: Int(report["processors"].integer ?? 0), memory: report["memory"].integer ?? 0,
            version: report["version"].string ?? "", accelerator: machine.accelerator,
            acceleratorReason: machine.reason)
    }

    // MARK: One run

    private func create(_ kind: WorkloadKind, _ command: [String]) async throws(ClientError) -> String {
        let body: JSONValue = [
            "Image": .string(settings.image), "Cmd": command.isEmpty ? nil : .strings(command),
            "Labels": folder.labels,
            "HostConfig": ["Runtime": .string(kind.rawValue), "NetworkMode": "none"],
        ]
        return try await client.request("POST", "/containers/create", body: body).json["Id"].string ?? ""
    }

    /// Runs `body` with a workload, and removes it whatever happens.
    private func withWorkload<Value: Sendable>(
        _ kind: WorkloadKind, _ command: [String], _ body: (String) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let id = try await create(kind, command)
        do throws(ClientError) {
            let value = try await body(id)
            try await client.remove(id)
            return value
        } catch {
            // The first failure is the one to report.
            try? await client.remove(id)
            throw error
        }
    }

    private func measureRun(_ kind: WorkloadKind, _ round: Int) async throws(ClientError) -> Comparison.Run {
        let clock = ContinuousClock()
        let begun = clock.now
        return try await withWorkload(kind, settings.command) { id throws(ClientError) in
            let query = [("stream", "1"), ("stdout", "1"), ("stderr", "1")]
            let firstByte = try await client.hijack("/containers/\(id)/attach", query: query) {
                connection throws(ClientError) -> Duration? in
                try await client.request("POST", "/containers/\(id)/start")
                var first: Duration?
                while let bytes = try await connection.next() {
                    if first == nil && !bytes.isEmpty { first = clock.now - begun }
                }
                return first
            }
            let code = try await client.request("POST", "/containers/\(id)/wait").json["StatusCode"].integer ?? 125
            let exit = clock.now - begun
            let trace = try await settledTrace(id)
            return Comparison.Run(
                kind: kind, round: round, firstByte: firstByte.map(Self.nanoseconds), exit: Self.nanoseconds(exit),
                cleanup: trace?[.cleanup].map { $0.end - $0.start }, code: Int(code), trace: trace)
        }
    }

    /// The trace once the clean-up is in it, which comes after the exit is known.
    private func settledTrace(_ id: String) async throws(ClientError) -> StartupTrace? {
        for _ in 0..<1_000 {
            let trace = try await client.request("GET", "/tandem/containers/\(id)/trace").json.decoded(
                as: StartupTrace.self)
            if let trace, trace[.cleanup] != nil { return trace }
            // Cancelled with the whole comparison.
            try? await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let parts = duration.components
        return UInt64(max(0, parts.seconds)) * 1_000_000_000 + UInt64(max(0, parts.attoseconds / 1_000_000_000))
    }

    // MARK: Idle

    private func measureIdle(_ kind: WorkloadKind, _ hostKernel: String) async throws(ClientError) -> Comparison.Idle {
        try await withWorkload(kind, ["sleep", "3600"]) { id throws(ClientError) in
            try await client.request("POST", "/containers/\(id)/start")
            // What a start leaves in motion comes to rest.
            try? await Task.sleep(for: .seconds(1))
            let document = try await client.request("GET", "/tandem/containers/\(id)/footprint").json
            var roles: [String: Int64] = [:]
            for process in document["processes"].array ?? [] {
                roles[process["role"].string ?? "", default: 0] += process["pss"].integer ?? 0
            }
            let guest = document["guest"]
            let guestMemory = guest["memoryTotal"].integer.map { $0 - (guest["memoryAvailable"].integer ?? 0) }
            return Comparison.Idle(
                kind: kind, hostMemory: document["pss"].integer ?? 0, hostMemoryByRole: roles, guestMemory: guestMemory,
                storage: document["storage"].integer ?? 0, processes: Int(document["processCount"].integer ?? 0),
                threads: Int(document["threadCount"].integer ?? 0), kernel: guest["kernelRelease"].string ?? hostKernel)
        }
    }
}
