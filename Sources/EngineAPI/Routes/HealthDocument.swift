// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Health in the form of Docker's API.
enum HealthDocument {
    /// `State.Health` of `inspect`.
    static func full(_ health: Health) -> JSONValue {
        [
            "Status": .string(health.status.rawValue), "FailingStreak": .count(health.failingStreak),
            "Log": .array(
                health.log.map { result in
                    [
                        "Start": .string(result.start.rfc3339), "End": .string(result.end.rfc3339),
                        "ExitCode": .count(result.exitCode), "Output": .string(result.output),
                    ]
                }),
        ]
    }

    /// What `ps` shows behind the age.
    static func suffix(_ health: Health?) -> String {
        switch health?.status {
        case nil: ""
        case .starting: " (health: starting)"
        case .healthy: " (healthy)"
        case .unhealthy: " (unhealthy)"
        }
    }

    /// `Config.Healthcheck` of `inspect`; what the user left out is left out.
    static func configuration(_ check: HealthCheck) -> JSONValue {
        var document: JSONValue = ["Test": .strings(check.test)]
        for (name, time) in [
            ("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.startPeriod),
            ("StartInterval", check.startInterval),
        ] where time != .zero {
            document[name] = .integer(time.nanoseconds)
        }
        if check.retries != 0 { document["Retries"] = .count(check.retries) }
        return document
    }
}
