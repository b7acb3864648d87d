// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import TandemModel

/// Points in time on the command line, as docker takes them: seconds since 1970, an age such as `1h30m`, or a date with
/// or without a time and a zone; without a zone it is ours.
enum TimeOption {
    /// - Returns: Seconds since 1970 with a fraction, the form that the API takes.
    static func parse(_ text: String, _ flag: String) throws -> String {
        if !text.isEmpty, text.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }), Double(text) != nil {
            return text
        }
        if let age = Duration(dockerText: text) {
            let time = Int64(Date().timeIntervalSince1970 * 1_000_000_000) - age.nanoseconds
            return seconds(time / 1_000_000_000, String(time % 1_000_000_000 + 1_000_000_000).dropFirst())
        }
        guard let time = date(text) else {
            throw CommandFailure(
                1, "invalid value for \"--\(flag)\": failed to parse value as time or duration: \"\(text)\"",
                hint: "Give seconds since 1970, an age such as 10m, or a date such as 2026-01-02T15:04:05.")
        }
        return time
    }

    private static func seconds(_ whole: Int64, _ fraction: Substring) -> String { "\(whole).\(fraction)" }

    private static func date(_ text: String) -> String? {
        let pattern =
            /(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?/
        guard let match = text.wholeMatch(of: pattern) else { return nil }
        var parts = tm()
        parts.tm_year = (Int32(match.1) ?? 0) - 1_900
        parts.tm_mon = (Int32(match.2) ?? 0) - 1
        parts.tm_mday = Int32(match.3) ?? 0
        parts.tm_hour = match.4.flatMap { Int32($0) } ?? 0
        parts.tm_min = match.5.flatMap { Int32($0) } ?? 0
        parts.tm_sec = match.6.flatMap { Int32($0) } ?? 0
        parts.tm_isdst = -1
        let wanted = (parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min)
        let time = match.8 == nil ? mktime(&parts) : timegm(&parts)
        // What the calendar had to correct is no date.
        guard wanted == (parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min) else { return nil }
        let zone = match.8.flatMap(offset) ?? 0
        return seconds(Int64(time) - zone, match.7 ?? "0")
    }

    private static func offset(_ zone: Substring) -> Int64? {
        guard zone != "Z", let hours = Int64(zone.dropFirst().prefix(2)), let minutes = Int64(zone.suffix(2)) else {
            return nil
        }
        return (zone.hasPrefix("-") ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }
}
