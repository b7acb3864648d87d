// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@Suite("Health")
struct HealthTests {
    private let started = Timestamp(nanoseconds: 1_000_000_000_000)

    private func check(retries: Int = 0, startPeriod: Duration = .zero) -> HealthCheck {
        var check = HealthCheck(test: ["CMD-SHELL", "true"])
        check.retries = retries
        check.startPeriod = startPeriod
        return check
    }

    private func result(_ code: Int32, after age: Duration = .seconds(1)) -> Health.Result {
        let start = Timestamp(nanoseconds: started.nanoseconds + age.nanoseconds)
        return Health.Result(start: start, end: start, exitCode: code, output: "")
    }

    /// Exit codes of probes in a row, the verdict after them, and how often it changed on the way.
    @Test(
        "is judged as dockerd does",
        arguments: [
            ([], .starting, 0, 0), ([1, 1], .starting, 2, 0), ([1, 1, 1], .unhealthy, 3, 1), ([0], .healthy, 0, 1),
            ([0, 1, 1], .healthy, 2, 1), ([0, 1, -1, 2], .unhealthy, 3, 2), ([1, 1, 1, 0], .healthy, 0, 2),
            ([0, 1, 1, 0, 1, 1], .healthy, 2, 1),
        ] as [([Int32], Health.Status, Int, Int)])
    func verdicts(_ codes: [Int32], _ status: Health.Status, _ streak: Int, _ changes: Int) {
        var health = Health()
        var seen = 0
        for code in codes where health.note(result(code), of: check(), started: started) { seen += 1 }
        #expect(health.status == status)
        #expect(health.failingStreak == streak)
        #expect(seen == changes)
        #expect(health.log.map(\.exitCode) == codes.suffix(5))
    }

    @Test("failures in the start period do not count until a probe has succeeded")
    func startPeriod() {
        let check = check(retries: 1, startPeriod: .seconds(10))
        var health = Health()
        let early = health.note(result(1, after: .seconds(9)), of: check, started: started)
        #expect(!early && health.failingStreak == 0)
        let late = health.note(result(1, after: .seconds(10)), of: check, started: started)
        #expect(late)
        #expect(health.status == .unhealthy)
        health.begin()
        _ = health.note(result(0), of: check, started: started)
        let second = health.note(result(1, after: .seconds(2)), of: check, started: started)
        #expect(second && health.log.count == 4)
    }

    @Test("probes come more often during the start period")
    func pauses() {
        var check = check(startPeriod: .seconds(20))
        #expect(check.pause(age: .seconds(1), status: .starting) == .seconds(5))
        #expect(check.pause(age: .seconds(1), status: .healthy) == .seconds(30))
        #expect(check.pause(age: .seconds(20), status: .starting) == .seconds(30))
        check.interval = .seconds(2)
        check.startInterval = .seconds(1)
        #expect(check.pause(age: .seconds(1), status: .starting) == .seconds(1))
        #expect(check.pause(age: .seconds(30), status: .unhealthy) == .seconds(2))
    }

    @Test("the test's first word says how it is executed")
    func commands() {
        #expect(HealthCheck(test: ["CMD", "a", "b"]).command == ["a", "b"])
        #expect(check().command == ["/bin/sh", "-c", "true"])
        for test in [[], ["NONE"], ["CMD"], ["OTHER", "x"]] { #expect(HealthCheck(test: test).command == nil) }
    }

    @Test(
        "durations have Go's form",
        arguments: [
            ("0s", 0), ("1ns", 1), ("1.5µs", 1_500), ("300ms", 300_000_000), ("1.25s", 1_250_000_000),
            ("1m0s", 60_000_000_000), ("1m30s", 90_000_000_000), ("1h0m5s", 3_605_000_000_000), ("-2s", -2_000_000_000),
        ] as [(String, Int64)])
    func durations(_ text: String, _ nanoseconds: Int64) {
        #expect(Duration.nanoseconds(nanoseconds).dockerText == text)
        #expect(Duration(dockerText: text) == .nanoseconds(nanoseconds))
    }

    @Test("what is no duration is refused", arguments: ["", "5", "s", "1x", "1 s", "-", "1.2.3s", "9999999h"])
    func badDurations(_ text: String) { #expect(Duration(dockerText: text) == nil) }
}
