// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Reads a restart policy from a HostConfig, or from the body of `update`, with dockerd's checks and words.
enum RestartRequest {
    /// - Returns: `nil` if none is named.
    static func policy(from host: JSONValue) throws(EngineError) -> RestartPolicy? {
        let name = host["RestartPolicy"]["Name"].string ?? ""
        let count = Int(clamping: host["RestartPolicy"]["MaximumRetryCount"].integer ?? 0)
        switch name {
        case "": return nil
        case "no": return try unlimited(.never, count)
        case "always": return try unlimited(.always, count)
        case "unless-stopped": return try unlimited(.unlessStopped, count)
        case "on-failure":
            guard count >= 0 else { throw invalid("maximum retry count cannot be negative") }
            return .onFailure(maximumRetries: count)
        default:
            throw invalid("unknown policy '\(name)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'")
        }
    }

    private static func unlimited(_ policy: RestartPolicy, _ count: Int) throws(EngineError) -> RestartPolicy {
        guard count == 0 else {
            throw invalid(
                "maximum retry count can only be used with 'on-failure'\(count < 0 ? " and cannot be negative" : "")")
        }
        return policy
    }

    private static func invalid(_ reason: String) -> EngineError {
        EngineError(.invalidArgument, "invalid restart policy: \(reason)")
    }
}
