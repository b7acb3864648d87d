// SPDX-License-Identifier: Apache-2.0

import APIModel
import OCI
import TandemModel

/// Reads a health check from the body of `containers/create`, with dockerd's checks and words.
enum HealthRequest {
    /// What the user leaves out comes from the image.
    ///
    /// - Returns: `nil` if neither says anything.
    static func check(
        from body: JSONValue, image: ImageConfiguration.Defaults
    ) throws(EngineError) -> HealthCheck? {
        guard body != .null || image.healthCheck != nil else { return nil }
        let own = image.healthCheck
        let test = body["Test"].strings ?? []
        var check = HealthCheck(test: test.isEmpty ? own?.test ?? [] : test)
        check.interval = try time("Interval", body, own?.interval)
        check.timeout = try time("Timeout", body, own?.timeout)
        check.startPeriod = try time("StartPeriod", body, own?.startPeriod)
        check.startInterval = try time("StartInterval", body, own?.startInterval)
        let retries = Int(clamping: body["Retries"].integer ?? 0)
        guard retries >= 0 else {
            throw EngineError(.invalidArgument, "Retries in Healthcheck cannot be negative")
        }
        check.retries = retries == 0 ? own?.retries ?? 0 : retries
        if let shell = image.shell, !shell.isEmpty { check.shell = shell }
        return check
    }

    private static func time(
        _ name: String, _ body: JSONValue, _ own: Int64?
    ) throws(EngineError) -> Duration {
        let given = body[name].integer ?? 0
        guard given == 0 || given >= 1_000_000 else {
            throw EngineError(.invalidArgument, "\(name) in Healthcheck cannot be less than 1ms")
        }
        return .nanoseconds(given == 0 ? own ?? 0 : given)
    }
}
