// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel

/// Values of Docker's `until` filter (api/types/time): a duration before now such as `24h30m`, seconds since 1970, or a
/// date, whole or cut short.
enum UntilFilter {
    static func parse(_ text: String, now: Timestamp = HostTime.now) throws(EngineError) -> Timestamp {
        if let age = Duration(dockerText: text) { return Timestamp(nanoseconds: now.nanoseconds - age.nanoseconds) }
        return try TimeParameter.parse(completed(text))
    }

    /// A date without a time or a zone means the beginning of what it names, in UTC.
    private static func completed(_ text: String) -> String {
        guard text.utf8.dropFirst(4).first == UInt8(ascii: "-") else { return text }
        let forms = [7: "-01T00:00:00Z", 10: "T00:00:00Z", 13: ":00:00Z", 16: ":00Z", 19: "Z"]
        return text + (forms[text.utf8.count] ?? "")
    }
}
