// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@Suite("Points in time")
struct TimestampTests {
    @Test(
        "RFC 3339 is read with any number of digits",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000_000),
            ("2026-01-02T03:04:05.000000006Z", 1_767_323_045_000_000_006),
            ("2024-02-29T23:59:59.123456789Z", 1_709_251_199_123_456_789),
        ] as [(String, Int64)])
    func read(text: String, nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
        let written = Timestamp(nanoseconds: nanoseconds).rfc3339
        #expect(written.count == 30)
        #expect(Timestamp(rfc3339: written)?.nanoseconds == nanoseconds)
    }

    @Test("anything else is none", arguments: ["", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "x"])
    func refused(text: String) { #expect(Timestamp(rfc3339: text) == nil) }
}
