// SPDX-License-Identifier: Apache-2.0

public import OCI
public import TandemModel

/// A Dockerfile's `HEALTHCHECK [--interval=30s …] CMD command`, or `HEALTHCHECK NONE`.
public enum HealthInstruction {
    /// Reads what follows the word.
    public static func parse(_ text: String) throws(EngineError) -> ImageConfiguration.HealthCheck {
        var check = ImageConfiguration.HealthCheck()
        var rest = text[...]
        while rest.hasPrefix("--") {
            let option = rest.prefix { !$0.isWhitespace }
            rest = rest.dropFirst(option.count).drop(while: \.isWhitespace)
            try apply(String(option), to: &check)
        }
        let form = rest.prefix { !$0.isWhitespace }
        let command = String(rest.dropFirst(form.count).drop(while: \.isWhitespace))
        switch form.uppercased() {
        case "NONE" where command.isEmpty: check.test = ["NONE"]
        case "CMD" where !command.isEmpty:
            check.test =
                ImageConfiguration.Defaults.list(command).map { ["CMD"] + $0 } ?? ["CMD-SHELL", command]
        case "CMD": throw EngineError(.invalidArgument, "Missing command after HEALTHCHECK CMD")
        case "NONE": throw EngineError(.invalidArgument, "HEALTHCHECK NONE takes no arguments")
        case let other:
            throw EngineError(.invalidArgument, "Unknown type \"\(other)\" in HEALTHCHECK (try CMD)")
        }
        return check
    }

    private static func apply(
        _ option: String, to check: inout ImageConfiguration.HealthCheck
    ) throws(EngineError) {
        let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
        let value = parts.count > 1 ? parts[1] : ""
        switch parts[0] {
        case "--interval": check.interval = try time(value, option)
        case "--timeout": check.timeout = try time(value, option)
        case "--start-period": check.startPeriod = try time(value, option)
        case "--start-interval": check.startInterval = try time(value, option)
        case "--retries":
            guard let count = Int(value), count >= 0 else {
                throw EngineError(.invalidArgument, "--retries cannot be negative: '\(option)'")
            }
            check.retries = count
        default: throw EngineError(.invalidArgument, "unknown flag in HEALTHCHECK: '\(option)'")
        }
    }

    private static func time(_ text: String, _ option: String) throws(EngineError) -> Int64 {
        guard let time = Duration(dockerText: text), time == .zero || time >= .milliseconds(1) else {
            throw EngineError(.invalidArgument, "the duration in '\(option)' is none, or less than 1ms")
        }
        return time.nanoseconds
    }
}
