// SPDX-License-Identifier: Apache-2.0

import TandemModel

extension CaseMeasurement {
    /// Whole lives of workloads, and one start of each subject that is typical for its lives.
    func repeatLives(_ result: inout BenchmarkResult, _ seed: UInt64) async {
        let shape = shape
        var traced: [String: [(exit: Double, trace: StartupTrace)]] = [:]
        await repeatInTurns(&result, seed, subjects) { (subject, isCounted) throws(BenchmarkError) in
            let (suiteCase, count) = (suiteCase, suiteCase.count)
            let life = try await limited { () throws(BenchmarkError) in
                try await Self.lives(count, subject, suiteCase.command, shape)
            }
            if isCounted, let trace = life.trace, let exit = life.figures["exit"] {
                traced[subject.name, default: []].append((exit, trace))
            }
            return try engineFigures(life.figures)
        }
        for (subject, lives) in traced.sorted(by: { $0.key < $1.key }) {
            let typical = lives.sorted { $0.exit < $1.exit }[lives.count / 2]
            let start = BenchmarkResult.Start(
                caseName: suiteCase.name, subject: subject, parameters: parameters, trace: typical.trace)
            result.starts = (result.starts ?? []) + [start]
        }
    }

    /// So many at once; a figure of several is the longest, and none of their starts stands for all.
    private static func lives(
        _ count: Int, _ subject: any Subject, _ command: [String], _ shape: WorkloadShape
    ) async throws(BenchmarkError) -> Life {
        let begun = ContinuousClock.now
        let results = await withTaskGroup(of: Result<Life, BenchmarkError>.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do throws(BenchmarkError) {
                        return .success(try await subject.live(command, shape))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            var results: [Result<Life, BenchmarkError>] = []
            for await result in group { results.append(result) }
            return results
        }
        var all = Life(figures: ["all": (ContinuousClock.now - begun).seconds])
        for result in results {
            let life = try result.get()
            all.figures.merge(life.figures) { max($0, $1) }
            all.trace = count == 1 ? life.trace : nil
        }
        return all
    }

    /// What a subject does not have, such as a phase of the other kind, has no figure.
    func engineFigures(_ figures: [String: Double]) throws(BenchmarkError) -> [Double?] {
        var values: [Double?] = []
        for measure in suiteCase.measures {
            guard case .engine(let name) = measure.source else {
                throw BenchmarkError("'\(measure.name)' can only be read from a command's output")
            }
            values.append(figures[name].map { $0 * measure.factor })
        }
        return values
    }

    func repeatStops(_ result: inout BenchmarkResult, _ seed: UInt64) async {
        var shape = shape
        shape.command = suiteCase.command
        let (running, suiteCase) = (shape, suiteCase)
        await repeatInTurns(&result, seed, subjects) { (subject, _) throws(BenchmarkError) in
            let seconds = try await limited { () throws(BenchmarkError) in
                try await Self.withWorkload(of: subject, running) { workload throws(BenchmarkError) in
                    // A program that has not set its handlers yet does not hear the signal.
                    for line in suiteCase.setup { try await Self.prepare(workload, line) }
                    return try await workload.stop()
                }
            }
            return try engineFigures(seconds.map { ["stop": $0] } ?? [:])
        }
    }
}
