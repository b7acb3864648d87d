// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import TandemModel

/// Docker's flags for a health check.
struct HealthOptions: ParsableArguments {
    @Option(help: "Line of shell that finds out whether it does its work.")
    var healthCmd: String?

    @Option(parsing: .unconditional, help: "Time between two probes, for example 30s.")
    var healthInterval: String?

    @Option(parsing: .unconditional, help: "Longest time of a probe.")
    var healthTimeout: String?

    @Option(parsing: .unconditional, help: "How long failures do not count after a start.")
    var healthStartPeriod: String?

    @Option(parsing: .unconditional, help: "Time between two probes until then.")
    var healthStartInterval: String?

    @Option(parsing: .unconditional, help: "So many failures in a row make it unhealthy.")
    var healthRetries: Int?

    @Flag(help: "Do not probe, even if the image says how.")
    var noHealthcheck = false

    /// The member `Healthcheck` of the body of `containers/create`; `nil` if no flag is given.
    func body() throws -> JSONValue? {
        let times = [
            ("Interval", "interval", healthInterval), ("Timeout", "timeout", healthTimeout),
            ("StartPeriod", "start-period", healthStartPeriod),
            ("StartInterval", "start-interval", healthStartInterval),
        ]
        let isEmpty = healthCmd == nil && healthRetries == nil && times.allSatisfy { $0.2 == nil }
        if noHealthcheck {
            guard isEmpty else { throw CommandFailure(125, "--no-healthcheck conflicts with --health-* options") }
            return ["Test": ["NONE"]]
        }
        guard !isEmpty else { return nil }
        var body: JSONValue = ["Retries": .count(healthRetries ?? 0)]
        if healthRetries ?? 0 < 0 { throw CommandFailure(125, "--health-retries cannot be negative") }
        if let healthCmd, !healthCmd.isEmpty { body["Test"] = ["CMD-SHELL", .string(healthCmd)] }
        for (name, flag, text) in times {
            guard let text else { continue }
            guard let time = Duration(dockerText: text) else {
                throw CommandFailure(
                    125, "invalid argument \"\(text)\" for \"--health-\(flag)\": it is no duration",
                    hint: "For example 30s or 1m30s.")
            }
            guard time >= .zero else { throw CommandFailure(125, "--health-\(flag) cannot be negative") }
            body[name] = .integer(time.nanoseconds)
        }
        return body
    }
}
