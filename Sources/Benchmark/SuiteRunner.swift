// SPDX-License-Identifier: Apache-2.0

public import Client
import Statistics

/// Measures a suite: every case with every combination of parameters, the subjects in turns in an order drawn by a seed.
public struct SuiteRunner: Sendable {
    /// How far it is.
    public struct Progress: Sendable {
        /// What is being done.
        public var step: String
        /// The part that is over, from 0 to 1.
        public var part: Double
        /// Seconds since the beginning of this run.
        public var elapsed: Double
    }

    /// Called whenever something was measured that must not be lost.
    public typealias Keep = @Sendable (BenchmarkResult) throws(BenchmarkError) -> Void

    private let client: TandemClient
    private let subjects: [any Subject]
    private let clock = ContinuousClock()

    /// Prepares a run; `client` speaks to the daemon that knows the host.
    public init(client: TandemClient, subjects: [any Subject]) {
        self.client = client
        self.subjects = subjects
    }

    /// A result with nothing in it yet.
    public func begin(_ suite: Suite, seed: UInt64, now: Double) async throws(BenchmarkError) -> BenchmarkResult {
        do throws(ClientError) {
            var result = BenchmarkResult(
                suite: suite, subjects: Dictionary(subjects.map { ($0.name, $0.remark) }, uniquingKeysWith: { $1 }),
                subjectOrder: subjects.map(\.name), environment: try await BenchmarkEnvironment.read(client),
                began: now, seed: seed)
            result.indifferent = indifferent(suite)
            return result
        } catch {
            throw BenchmarkError(error)
        }
    }

    /// A result that can be gone on with here.
    ///
    /// - Throws: If it was begun on another host, of which there cannot be one result.
    public func goOn(_ earlier: BenchmarkResult) async throws(BenchmarkError) -> BenchmarkResult {
        let here: BenchmarkEnvironment
        do throws(ClientError) { here = try await .read(client) } catch { throw BenchmarkError(error) }
        guard here.fingerprint == earlier.environment.fingerprint else {
            throw BenchmarkError(
                "the result was begun on other hardware or another system: \(earlier.environment.words), and this is \(here.words)",
                hint: "Measure anew, or go on where it was begun.")
        }
        return earlier
    }

    /// Measures what is not in the result yet.
    ///
    /// A cancelled task stops at once; what was kept until then can be gone on from.
    ///
    /// - Returns: The result, not complete if the task was cancelled.
    public func run(
        _ start: BenchmarkResult, now: @Sendable () -> Double, keep: Keep,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws(BenchmarkError) -> BenchmarkResult {
        var result = start
        let begun = clock.now
        for subject in subjects {
            progress(Progress(step: "preparing \(subject.name)", part: 0, elapsed: 0))
            try await subject.prepare(result.suite.image)
        }
        let combinations = result.suite.combinations
        let total = combinations.count * result.suite.cases.count
        var generator = SeededGenerator(seed: result.seed)
        for parameters in combinations {
            for suiteCase in result.suite.cases {
                let key = BenchmarkResult.key(suiteCase, parameters)
                // The order is drawn for every case, so that going on draws the same.
                let seed = generator.next()
                guard !result.finished.contains(key) else { continue }
                let done = result.finished.count
                let report = { @Sendable [clock] (step: String, part: Double) in
                    progress(
                        Progress(
                            step: step, part: (Double(done) + part) / Double(total),
                            elapsed: (clock.now - begun).seconds))
                }
                let measurement = CaseMeasurement(
                    suite: result.suite, suiteCase: suiteCase, parameters: parameters,
                    subjects: subjects(parameters, result.suite), report: report)
                let isWhole = await measurement.run(into: &result, seed: seed)
                guard isWhole else { return result }
                result.finished.append(key)
                result.ended = now()
                try keep(result)
            }
        }
        return result
    }

    /// The parameters that make no difference to a subject, by its name.
    func indifferent(_ suite: Suite) -> [String: [Suite.Parameter.Name]] {
        var found: [String: [Suite.Parameter.Name]] = [:]
        for subject in subjects {
            let names = suite.parameters.filter { parameter in
                parameter.values.allSatisfy { subject.effect(of: parameter.name, $0) == .none }
            }.map(\.name)
            if !names.isEmpty { found[subject.name] = names }
        }
        return found
    }

    /// A subject to which a parameter makes no difference is measured with its first value alone.
    private func subjects(_ parameters: [String: String], _ suite: Suite) -> [any Subject] {
        subjects.filter { subject in
            suite.parameters.allSatisfy { parameter in
                let value = parameters[parameter.name.rawValue]
                return switch subject.effect(of: parameter.name, value ?? "") {
                case .some: true
                case .none: value == parameter.values.first
                case .impossible: false
                }
            }
        }
    }
}
