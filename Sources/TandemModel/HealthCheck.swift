// SPDX-License-Identifier: Apache-2.0

/// How to find out whether a workload does its work.
///
/// Zero stands for Docker's default, as in its API.
public struct HealthCheck: Hashable, Sendable, Codable {
    /// Docker's form of the probe: `CMD` and arguments, `CMD-SHELL` and a line, or `NONE`.
    public var test: [String]
    /// From the end of one probe to the begin of the next, and before the first.
    public var interval: Duration
    /// How long a probe may take.
    public var timeout: Duration
    /// How long after the start failures do not count yet.
    public var startPeriod: Duration
    /// The interval during the start period, until the first success.
    public var startInterval: Duration
    /// So many failures in a row make it unhealthy.
    public var retries: Int
    /// What runs the line of `CMD-SHELL`.
    public var shell: [String]

    /// Describes a probe with Docker's defaults.
    public init(test: [String]) {
        self.test = test
        interval = .zero
        timeout = .zero
        startPeriod = .zero
        startInterval = .zero
        retries = 0
        shell = ["/bin/sh", "-c"]
    }

    /// What is executed; `nil` if nothing is.
    public var command: [String]? {
        let arguments = Array(test.dropFirst())
        guard !arguments.isEmpty else { return nil }
        switch test[0] {
        case "CMD": return arguments
        case "CMD-SHELL": return shell + arguments
        default: return nil
        }
    }

    /// The time that a probe has.
    public var effectiveTimeout: Duration { timeout == .zero ? .seconds(30) : timeout }

    /// How long to wait before the next probe of a workload that has run for `age`.
    public func pause(age: Duration, status: Health.Status) -> Duration {
        guard age < startPeriod, status == .starting else { return interval == .zero ? .seconds(30) : interval }
        return startInterval == .zero ? .seconds(5) : startInterval
    }
}

/// What the probes of a workload have found.
public struct Health: Hashable, Sendable, Codable {
    /// Docker's words.
    public enum Status: String, Hashable, Sendable, Codable {
        /// No probe has succeeded yet, and not enough have failed.
        case starting
        /// The last probe succeeded, or not enough have failed since one did.
        case healthy
        /// Too many have failed in a row.
        case unhealthy
    }

    /// One probe.
    public struct Result: Hashable, Sendable, Codable {
        /// Its begin.
        public var start: Timestamp
        /// Its end.
        public var end: Timestamp
        /// Its exit code; −1 if it could not be executed or took too long.
        public var exitCode: Int32
        /// What it wrote, cut.
        public var output: String

        /// Describes a probe.
        public init(start: Timestamp, end: Timestamp, exitCode: Int32, output: String) {
            self.start = start
            self.end = end
            self.exitCode = exitCode
            self.output = output
        }
    }

    /// The verdict.
    public private(set) var status = Status.starting
    /// Failures in a row that count.
    public private(set) var failingStreak = 0
    /// The last five probes, the newest last.
    public private(set) var log: [Result] = []

    /// Nothing has been probed.
    public init() {}

    /// A start makes the verdict void; earlier probes stay on record.
    public mutating func begin() {
        status = .starting
        failingStreak = 0
    }

    /// Takes a probe's result into account.
    ///
    /// - Returns: Whether the verdict has changed.
    public mutating func note(_ result: Result, of check: HealthCheck, started: Timestamp) -> Bool {
        let before = status
        log = log.suffix(4) + [result]
        if result.exitCode == 0 {
            failingStreak = 0
            status = .healthy
        } else if status != .starting
            || .nanoseconds(result.start.nanoseconds - started.nanoseconds) >= check.startPeriod
        {
            failingStreak += 1
            if failingStreak >= (check.retries > 0 ? check.retries : 3) { status = .unhealthy }
        }
        return status != before
    }
}
