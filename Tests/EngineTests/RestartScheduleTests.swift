// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import Engine

@Suite("Starts by a restart policy")
struct RestartScheduleTests {
    /// One end and what has to follow.
    struct Case: Sendable, CustomTestStringConvertible {
        var policy: RestartPolicy
        var code: Int32 = 1
        var isWanted = false
        var restarts = 0
        var starts: Bool
        var testDescription: String {
            "\(policy) after \(code), wanted \(isWanted), started \(restarts) times: \(starts)"
        }
    }

    static let cases = [
        Case(policy: .never, starts: false),
        Case(policy: .always, code: 0, starts: true),
        Case(policy: .always, starts: true),
        Case(policy: .always, isWanted: true, starts: true),
        Case(policy: .unlessStopped, code: 0, starts: true),
        Case(policy: .unlessStopped, starts: true),
        Case(policy: .unlessStopped, isWanted: true, starts: false),
        Case(policy: .onFailure(maximumRetries: 0), code: 0, starts: false),
        Case(policy: .onFailure(maximumRetries: 0), restarts: 1_000, starts: true),
        Case(policy: .onFailure(maximumRetries: 2), restarts: 1, starts: true),
        Case(policy: .onFailure(maximumRetries: 2), restarts: 2, starts: false),
        Case(policy: .onFailure(maximumRetries: 2), isWanted: true, starts: true),
    ]

    @Test("follow dockerd's rules", arguments: cases)
    func rules(_ end: Case) {
        var schedule = RestartSchedule()
        let delay = schedule.next(
            after: .init(code: end.code, duration: .seconds(1), isWanted: end.isWanted), policy: end.policy,
            restarts: end.restarts)
        #expect(delay == (end.starts ? .milliseconds(100) : nil))
    }

    @Test("wait twice as long each time, up to a minute, and anew after a long run")
    func delays() {
        var schedule = RestartSchedule()
        let short = RestartSchedule.End(code: 1, duration: .milliseconds(9_999))
        var delays: [Duration?] = []
        for restarts in 0..<12 { delays.append(schedule.next(after: short, policy: .always, restarts: restarts)) }
        let milliseconds = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]
        #expect(delays == milliseconds.map { .milliseconds($0) })
        let long = RestartSchedule.End(code: 1, duration: .seconds(10))
        #expect(schedule.next(after: long, policy: .always, restarts: 12) == .milliseconds(100))
        #expect(schedule.next(after: short, policy: .always, restarts: 13) == .milliseconds(200))
    }

    @Test("end with a stop by the user")
    func cancelled() {
        var schedule = RestartSchedule()
        schedule.cancel()
        #expect(schedule.next(after: .init(code: 1, duration: .seconds(1)), policy: .always, restarts: 0) == nil)
    }
}
