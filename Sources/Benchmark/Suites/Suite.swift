// SPDX-License-Identifier: Apache-2.0

/// What is to be measured, of what, and how often.
///
/// `SuiteFile` reads it from YAML; docs/bench.md describes the members.
public struct Suite: Sendable, Hashable, Codable {
    /// How often a case is repeated.
    public struct Repetitions: Sendable, Hashable, Codable {
        /// Runs before those that count.
        public var warmups = 1
        /// Counted runs at least.
        public var least = 5
        /// Counted runs at most.
        public var most = 20
        /// Half of the interval of the median, as a part of it, that is narrow enough to stop.
        public var precision = 0.05
        /// Seconds after which a case of one combination of parameters gets no further repetitions.
        public var budget = 60.0

        /// The usual ones.
        public init() {}
    }

    /// What the host remembers of files when a run begins.
    public enum CachePolicy: String, Sendable, Hashable, Codable, CaseIterable {
        /// Whatever earlier runs have left.
        case warm
        /// Nothing: the host's page cache is dropped before each run.
        case dropped
    }

    /// What every workload gets.
    public struct Limits: Sendable, Hashable, Codable {
        /// Memory, in docker's words; `nil` for the default.
        public var memory: String?
        /// Processors; `nil` for the default.
        public var processors: Double?
        /// Seconds after which a run has failed.
        public var timeout = 120.0

        /// The default ones.
        public init() {}
    }

    /// Something of a workload that is varied.
    public struct Parameter: Sendable, Hashable, Codable {
        /// What is varied.
        public enum Name: String, Sendable, Hashable, Codable, CaseIterable {
            /// Memory, in docker's words.
            case memory
            /// Processors.
            case cpus
            /// The guest's kernel; the other kinds are measured once.
            case kernel
            /// The network: docker's words, and `nat` for a server that is reached by its published ports.
            case network
            /// What the host remembers of files: `warm` or `dropped`.
            case cache
            /// The format of a VM's disk; the other kinds are measured once.
            case disk
            /// How the host caches a VM's disk, in libvirt's words; the other kinds are measured once.
            case diskCache = "disk-cache"
        }

        /// What is varied.
        public var name: Name
        /// Its values, in order.
        public var values: [String]

        /// What is wrong with its values; `nil` for nothing that can be known beforehand.
        var problem: String? {
            guard name == .cache, let wrong = values.first(where: { CachePolicy(rawValue: $0) == nil }) else {
                return nil
            }
            return "has a 'cache' that is '\(wrong)', not warm or dropped"
        }

        /// Describes a parameter.
        public init(name: Name, values: [String]) {
            self.name = name
            self.values = values
        }
    }

    /// What it is called on the command line.
    public var name: String
    /// One sentence.
    public var title: String
    /// What it shows, and what to mind.
    public var description = ""
    /// The image that all subjects run.
    public var image = "tandem-bench"
    /// The subjects, if the user names none.
    public var subjects = ["container", "vm"]
    /// What is varied; every combination is measured.
    public var parameters: [Parameter] = []
    /// How often.
    public var repetitions = Repetitions()
    /// What the host remembers.
    public var cache = CachePolicy.warm
    /// What every workload gets.
    public var limits = Limits()
    /// What is run.
    public var cases: [SuiteCase] = []

    /// Begins a suite.
    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }

    /// Between what a parameter is varied; `nil` if it is not.
    public func values(of name: Parameter.Name) -> [String]? { parameters.first { $0.name == name }?.values }

    /// Every combination of the parameters' values; one without any if nothing is varied.
    public var combinations: [[String: String]] {
        parameters.reduce([[:]]) { combinations, parameter in
            combinations.flatMap { combination in
                parameter.values.map { combination.merging([parameter.name.rawValue: $0]) { $1 } }
            }
        }
    }

    /// Varies a parameter as `network=none,bridge` says, instead of as the suite says.
    public mutating func vary(_ text: String) throws(BenchmarkError) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let values = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
        guard let name = parts.first.flatMap(Parameter.Name.init), !values.isEmpty else {
            let known = Parameter.Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw BenchmarkError(
                "'\(text)' is no parameter with its values",
                hint: "Give it as NAME=VALUE,VALUE; parameters are \(known).")
        }
        let parameter = Parameter(name: name, values: values)
        if let problem = parameter.problem { throw BenchmarkError("the parameter \(problem)") }
        if let index = parameters.firstIndex(where: { $0.name == name }) {
            parameters[index] = parameter
        } else {
            parameters.append(parameter)
        }
    }

    /// A rehearsal: every case, as short as it can be.
    public var quick: Suite {
        var suite = self
        suite.repetitions.warmups = 0
        suite.repetitions.least = 2
        suite.repetitions.most = 2
        suite.repetitions.budget = 1
        suite.cases = cases.map { $0.quick }
        return suite
    }
}
