// SPDX-License-Identifier: Apache-2.0

public import Statistics
public import TandemModel

/// Everything that a suite has measured, with every raw sample, and on what.
public struct BenchmarkResult: Sendable, Hashable, Codable {
    /// The version of this document's schema.
    public static let currentSchema = 1

    /// One figure of one case, of one subject, with one combination of parameters.
    public struct Cell: Sendable, Hashable, Codable {
        /// The case.
        public var caseName: String
        /// The figure.
        public var measure: SuiteMeasure
        /// The subject.
        public var subject: String
        /// The parameters' values.
        public var parameters: [String: String]
        /// What was measured, in order, in the figure's unit.
        public var samples: [Double]

        /// Begins a cell.
        public init(
            caseName: String, measure: SuiteMeasure, subject: String, parameters: [String: String],
            samples: [Double] = []
        ) {
            self.caseName = caseName
            self.measure = measure
            self.subject = subject
            self.parameters = parameters
            self.samples = samples
        }

        /// Whether another cell has samples of the same: the same figure, case, subject and parameters.
        func isSameFigure(as other: Cell) -> Bool {
            caseName == other.caseName && measure == other.measure && subject == other.subject
                && parameters == other.parameters
        }

        /// Its summary; `nil` without samples.
        public var summary: Summary? { Summary(samples) }
    }

    /// A run that does not count.
    public struct Failure: Sendable, Hashable, Codable {
        /// The case.
        public var caseName: String
        /// The subject.
        public var subject: String
        /// The parameters' values.
        public var parameters: [String: String]
        /// What went wrong.
        public var reason: String

        /// Describes a failure.
        public init(caseName: String, subject: String, parameters: [String: String], reason: String) {
            self.caseName = caseName
            self.subject = subject
            self.parameters = parameters
            self.reason = reason
        }
    }

    /// Something that a subject shows of itself.
    public struct Fact: Sendable, Hashable, Codable {
        /// The case.
        public var caseName: String
        /// The subject.
        public var subject: String
        /// What it is about.
        public var topic: String
        /// What was seen.
        public var finding: String

        /// Describes a fact.
        public init(caseName: String, subject: String, topic: String, finding: String) {
            self.caseName = caseName
            self.subject = subject
            self.topic = topic
            self.finding = finding
        }
    }

    /// How a start passed that is typical for a subject's lives: the one whose time to exit is the median.
    public struct Start: Sendable, Hashable, Codable {
        /// The case.
        public var caseName: String
        /// The subject.
        public var subject: String
        /// The parameters' values.
        public var parameters: [String: String]
        /// Its phases.
        public var trace: StartupTrace

        /// Describes a start.
        public init(caseName: String, subject: String, parameters: [String: String], trace: StartupTrace) {
            self.caseName = caseName
            self.subject = subject
            self.parameters = parameters
            self.trace = trace
        }
    }

    /// The version of the schema.
    public var schema = currentSchema
    /// What was to be measured.
    public var suite: Suite
    /// The subjects with what has to be known about them.
    public var subjects: [String: String]
    /// The order in which the subjects are shown; the first is what the others are compared with.
    public var subjectOrder: [String]
    /// The parameters that make no difference to a subject, which is measured with their first values alone, by its name;
    /// `nil` in results of versions that did not say so.
    public var indifferent: [String: [Suite.Parameter.Name]]?
    /// Where.
    public var environment: BenchmarkEnvironment
    /// When it began, in seconds since 1970.
    public var began: Double
    /// When it was last added to.
    public var ended: Double
    /// From what the order of the runs was drawn.
    public var seed: UInt64
    /// Seconds that the harness itself needs to run a command that does nothing, by subject.
    public var harness: [String: Double] = [:]
    /// The cases that are done, as `case|parameters`.
    public var finished: [String] = []
    /// The figures.
    public var cells: [Cell] = []
    /// The runs that do not count.
    public var failures: [Failure] = []
    /// The facts.
    public var facts: [Fact] = []
    /// Typical starts; `nil` without any, and in results of versions that did not keep them.
    public var starts: [Start]?

    /// Begins a result.
    public init(
        suite: Suite, subjects: [String: String], subjectOrder: [String], environment: BenchmarkEnvironment,
        began: Double, seed: UInt64
    ) {
        self.suite = suite
        self.subjects = subjects
        self.subjectOrder = subjectOrder
        self.environment = environment
        self.began = began
        ended = began
        self.seed = seed
    }

    /// Whether every case was measured.
    public var isComplete: Bool {
        finished.count == suite.cases.count * suite.combinations.count
    }

    /// What a case with a combination of parameters is called in `finished`.
    public static func key(_ suiteCase: SuiteCase, _ parameters: [String: String]) -> String {
        ([suiteCase.name] + parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }).joined(
            separator: "|")
    }

    /// Adds a sample to its cell, which is made if it is not there.
    mutating func add(
        _ value: Double, _ measure: SuiteMeasure, of caseName: String, subject: String, _ parameters: [String: String]
    ) {
        let index = cells.firstIndex {
            $0.caseName == caseName && $0.measure.name == measure.name && $0.subject == subject
                && $0.parameters == parameters
        }
        if let index {
            cells[index].samples.append(value)
        } else {
            cells.append(
                Cell(caseName: caseName, measure: measure, subject: subject, parameters: parameters, samples: [value]))
        }
    }
}
