// SPDX-License-Identifier: Apache-2.0

import APIModel

/// Docker's form of a restart policy on the command line: `NAME[:COUNT]`.
enum RestartOption {
    static func parse(_ text: String) throws -> JSONValue {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 1 || !parts[0].isEmpty else {
            throw CommandFailure(125, "invalid restart policy format: no policy provided before colon")
        }
        var policy: JSONValue = ["Name": .string(parts[0]), "MaximumRetryCount": 0]
        if parts.count == 2 {
            guard let count = Int64(parts[1]) else {
                throw CommandFailure(125, "invalid restart policy format: maximum retry count must be an integer")
            }
            policy["MaximumRetryCount"] = .integer(count)
        }
        return policy
    }
}
