// SPDX-License-Identifier: Apache-2.0

/// One thing that a suite measures.
public struct SuiteCase: Sendable, Hashable, Codable {
    /// How it is measured.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A command in a workload that runs, from whose output figures are read.
        case command
        /// Whole lives of workloads: created, started, ended, removed.
        case start
        /// The ending of a workload that runs, on request.
        case stop
        /// What a workload that does nothing costs the host.
        case footprint
        /// How many workloads fit.
        case density
        /// What a workload can see and reach; facts, no figures.
        case isolation
    }

    /// What it is called.
    public var name: String
    /// One sentence.
    public var title: String
    /// How it is measured.
    public var kind = Kind.command
    /// Shell commands before the first run, in each workload.
    public var setup: [String] = []
    /// The command and its arguments.
    public var command: [String] = []
    /// The command of a rehearsal, where the real one takes long.
    public var quickCommand: [String]?
    /// Shell commands before each run, which are not measured.
    public var before: [String] = []
    /// Shell commands after each run, also a failed one, which are not measured; `nil` for none.
    public var after: [String]?
    /// Shell commands after the last run, in each workload; `nil` for none.
    public var cleanup: [String]?
    /// What the host remembers, where it differs from the suite.
    public var cache: Suite.CachePolicy?
    /// Where a volume is mounted; `nil` for none.
    public var volume: String?
    /// Where a new folder of the host is mounted; `nil` for none.
    public var share: String?
    /// What another workload runs that this one talks with; `nil` for none.
    public var server: [String]?
    /// Workloads at once, for `start`; the number to reach, for `density`.
    public var count = 1
    /// What is read.
    public var measures: [SuiteMeasure] = []

    /// Begins a case.
    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }

    /// The server's ports that the commands name, as `80/tcp`.
    var serverPorts: [String] {
        var ports: [String] = []
        for word in command + setup + before + (after ?? []) + (cleanup ?? []) {
            for match in word.matches(of: /\{port ([0-9]+(\/udp)?)\}/) {
                let port = match.output.1.hasSuffix("/udp") ? String(match.output.1) : "\(match.output.1)/tcp"
                if !ports.contains(port) { ports.append(port) }
            }
        }
        return ports
    }

    /// The same for a rehearsal.
    public var quick: SuiteCase {
        var quick = self
        quick.command = quickCommand ?? command
        quick.count = min(count, 3)
        return quick
    }
}

/// One figure of a case.
public struct SuiteMeasure: Sendable, Hashable, Codable {
    /// Which direction is good.
    public enum Better: String, Sendable, Hashable, Codable, CaseIterable {
        /// A rate.
        case more
        /// A time or a size.
        case less
    }

    /// Where it comes from.
    public enum Source: Sendable, Hashable, Codable {
        /// The first group of a regular expression, in what the command wrote.
        case pattern(String)
        /// The parts of a JSON pointer (RFC 6901) into what the command wrote.
        case json([String])
        /// How long the command took, in seconds, as seen by the harness.
        case duration
        /// A figure that the engine or the harness takes, by its name.
        case engine(String)
    }

    /// What it is called.
    public var name: String
    /// What it counts.
    public var unit: String
    /// Which direction is good.
    public var better: Better
    /// Where it comes from.
    public var source: Source
    /// By what the figure is multiplied to be in `unit`.
    public var factor = 1.0

    /// Describes a measure.
    public init(name: String, unit: String, better: Better, source: Source, factor: Double = 1) {
        self.name = name
        self.unit = unit
        self.better = better
        self.source = source
        self.factor = factor
    }
}
