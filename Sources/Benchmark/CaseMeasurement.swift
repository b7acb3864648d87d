// SPDX-License-Identifier: Apache-2.0

import Client
import Statistics

/// The measuring of one case with one combination of parameters.
struct CaseMeasurement {
    let suite: Suite
    let suiteCase: SuiteCase
    let parameters: [String: String]
    let subjects: [any Subject]
    let report: @Sendable (String, Double) -> Void

    var shape: WorkloadShape {
        var shape = WorkloadShape(image: suite.image)
        shape.memory = parameters["memory"] ?? suite.limits.memory
        shape.processors = parameters["cpus"].flatMap { Double($0) } ?? suite.limits.processors
        shape.kernel = parameters["kernel"]
        shape.network = parameters["network"]
        shape.disk = parameters["disk"]
        shape.diskCache = parameters["disk-cache"]
        shape.volume = suiteCase.volume
        shape.share = suiteCase.share
        shape.server = suiteCase.server
        shape.ports = suiteCase.serverPorts
        return shape
    }

    private var cachePolicy: Suite.CachePolicy {
        parameters["cache"].flatMap { Suite.CachePolicy(rawValue: $0) } ?? suiteCase.cache ?? suite.cache
    }

    /// Measures, and adds what was measured to a result.
    ///
    /// - Returns: Whether it came to its end; a cancelled task leaves nothing of the case in the result.
    func run(into result: inout BenchmarkResult, seed: UInt64) async -> Bool {
        var measured = result
        switch suiteCase.kind {
        case .command: await repeatCommand(&measured, seed)
        case .start: await repeatLives(&measured, seed)
        case .stop: await repeatStops(&measured, seed)
        case .footprint: await measureFootprints(&measured, seed)
        case .density: await fill(&measured, seed)
        case .isolation: await look(&measured)
        }
        guard !Task.isCancelled else { return false }
        result = measured
        return true
    }

    private func fail(_ subject: any Subject, _ error: BenchmarkError, _ result: inout BenchmarkResult) {
        guard !Task.isCancelled else { return }
        result.failures.append(
            .init(caseName: suiteCase.name, subject: subject.name, parameters: parameters, reason: error.message))
    }

    /// Gives up on a run that takes longer than the suite allows.
    func limited<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(BenchmarkError) -> Value
    ) async throws(BenchmarkError) -> Value {
        let seconds = suite.limits.timeout
        let result = await withTaskGroup(of: Result<Value, BenchmarkError>?.self) { group in
            group.addTask {
                do throws(BenchmarkError) { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask {
                // Cancelled when the run is over.
                try? await Task.sleep(for: .seconds(seconds))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let result else { throw BenchmarkError("the run took longer than \(Int(seconds)) s") }
        return try result.get()
    }

    // MARK: Repetitions

    /// One subject's runs of this case.
    private struct Turn {
        let subject: any Subject
        var samples: [[Double]]
        var failures = 0
        var isOver = false
    }

    /// Runs the subjects in turns until each has enough.
    func repeatInTurns(
        _ result: inout BenchmarkResult, _ seed: UInt64, _ subjects: [any Subject],
        _ measure: (_ subject: any Subject, _ isCounted: Bool) async throws(BenchmarkError) -> [Double?]
    ) async {
        let repetitions = suite.repetitions
        var generator = SeededGenerator(seed: seed)
        var turns = subjects.map { Turn(subject: $0, samples: suiteCase.measures.map { _ in [] }) }
        let begun = ContinuousClock.now
        for round in -repetitions.warmups..<repetitions.most {
            for index in turns.indices.shuffled(using: &generator) where !turns[index].isOver && !Task.isCancelled {
                let subject = turns[index].subject
                let count = round < 0 ? "warm-up" : "run \(round + 1)"
                report(
                    "\(suiteCase.name), \(subject.name), \(count)",
                    Double(max(0, round)) / Double(repetitions.most))
                do throws(BenchmarkError) {
                    if cachePolicy == .dropped { try PageCache.drop() }
                    let figures = try await measure(subject, round >= 0)
                    turns[index].failures = 0
                    guard round >= 0 else { continue }
                    for (position, figure) in figures.enumerated() {
                        guard let figure else { continue }
                        turns[index].samples[position].append(figure)
                        result.add(
                            figure, suiteCase.measures[position], of: suiteCase.name, subject: subject.name, parameters)
                    }
                } catch {
                    fail(subject, error, &result)
                    turns[index].failures += 1
                    // What fails three times in a row will not come right.
                    if turns[index].failures >= 3 { turns[index].isOver = true }
                }
            }
            let elapsed = (ContinuousClock.now - begun).seconds
            for index in turns.indices where !turns[index].isOver && round + 1 >= repetitions.least {
                let isNarrow = turns[index].samples.allSatisfy {
                    (MedianInterval($0)?.relativeHalfWidth ?? 0) <= repetitions.precision
                }
                if isNarrow || elapsed > repetitions.budget { turns[index].isOver = true }
            }
            if Task.isCancelled || turns.allSatisfy(\.isOver) { return }
        }
    }

    // MARK: Commands

    private func repeatCommand(_ result: inout BenchmarkResult, _ seed: UInt64) async {
        var held: [String: any HeldWorkload] = [:]
        var ready: [any Subject] = []
        for subject in subjects {
            report("\(suiteCase.name), \(subject.name), starting", 0)
            do throws(BenchmarkError) {
                let (shape, suiteCase) = (shape, suiteCase)
                held[subject.name] = try await limited { () throws(BenchmarkError) in
                    let workload = try await subject.hold(shape)
                    do throws(BenchmarkError) {
                        for line in suiteCase.setup { try await Self.prepare(workload, line) }
                    } catch {
                        await workload.release()
                        throw error
                    }
                    return workload
                }
                ready.append(subject)
            } catch {
                fail(subject, error, &result)
            }
        }
        let workloads = held
        let reader = FigureReader(measures: suiteCase.measures)
        for subject in ready { await calibrate(subject, workloads[subject.name], &result) }
        await repeatInTurns(&result, seed, ready) { (subject, _) throws(BenchmarkError) in
            guard let workload = workloads[subject.name] else { return [] }
            let suiteCase = suiteCase
            return try await limited { () throws(BenchmarkError) in
                for line in suiteCase.before { try await Self.prepare(workload, line) }
                let result = try await workload.execute(suiteCase.command)
                for line in suiteCase.after ?? [] { try await Self.prepare(workload, line) }
                return try reader.read(result)
            }
        }
        for subject in ready { await cleanUp(workloads[subject.name], of: subject, &result) }
        for workload in workloads.values { await Self.release(workload) }
    }

    private func cleanUp(
        _ workload: (any HeldWorkload)?, of subject: any Subject, _ result: inout BenchmarkResult
    ) async {
        guard let workload else { return }
        for line in suiteCase.cleanup ?? [] {
            do throws(BenchmarkError) {
                try await limited { () throws(BenchmarkError) in try await Self.prepare(workload, line) }
            } catch {
                fail(subject, error, &result)
            }
        }
    }

    /// Also where the task has been cancelled.
    static func release(_ workload: any HeldWorkload) async {
        await Task.detached { await workload.release() }.value
    }

    /// Calls `body` with a workload, which goes whatever happens.
    static func withWorkload<Value: Sendable>(
        of subject: any Subject, _ shape: WorkloadShape,
        _ body: (any HeldWorkload) async throws(BenchmarkError) -> Value
    ) async throws(BenchmarkError) -> Value {
        let workload = try await subject.hold(shape)
        let result: Result<Value, BenchmarkError>
        do throws(BenchmarkError) {
            result = .success(try await body(workload))
        } catch {
            result = .failure(error)
        }
        await release(workload)
        return try result.get()
    }

    static func prepare(_ workload: any HeldWorkload, _ line: String) async throws(BenchmarkError) {
        let result = try await workload.execute(["sh", "-c", line])
        guard result.code == 0 else {
            let words = String(decoding: (result.errors + result.output).suffix(300), as: UTF8.self)
            throw BenchmarkError("'\(line)' ended with \(result.code): \(words.split(separator: "\n").last ?? "")")
        }
    }

    /// The harness's own cost, once for each subject: the shortest of five runs of nothing.
    private func calibrate(
        _ subject: any Subject, _ workload: (any HeldWorkload)?, _ result: inout BenchmarkResult
    ) async {
        guard result.harness[subject.name] == nil, let workload else { return }
        var shortest: Double?
        for _ in 0..<5 {
            // An image without `true` has no such figure.
            guard let run = try? await workload.execute(["true"]), run.code == 0 else { return }
            shortest = min(shortest ?? .infinity, run.duration.seconds)
        }
        result.harness[subject.name] = shortest
    }

    // MARK: Isolation

    private func look(_ result: inout BenchmarkResult) async {
        let (shape, suiteCase) = (shape, suiteCase)
        for subject in subjects {
            report("\(suiteCase.name), \(subject.name)", 0)
            do throws(BenchmarkError) {
                let output = try await limited { () throws(BenchmarkError) in
                    try await Self.withWorkload(of: subject, shape) { workload throws(BenchmarkError) in
                        try await workload.execute(
                            suiteCase.command.isEmpty ? IsolationProbe.command : suiteCase.command)
                    }
                }
                result.facts += IsolationProbe.facts(output.output, suiteCase.name, subject.name)
            } catch {
                fail(subject, error, &result)
            }
        }
    }
}
