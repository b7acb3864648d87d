// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Tries an operation again and again, with a fault at another of its steps each time.
///
/// Of steps that differ only in numbers and ids one is taken, and of those a few from the first to the last, and on
/// request the first of each system call; all of them if `TANDEM_TEST_EXHAUSTIVE` is set.
public struct FaultSweep: Sendable {
    private let operation: SweptOperation
    private let daemon: Daemon
    private let scope: FaultInjector.Scope
    /// What may be there: what was there before, and what has been reported as left behind.
    private var known: Footprint

    private static let isExhaustive = ProcessInfo.processInfo.environment["TANDEM_TEST_EXHAUSTIVE"] != nil

    /// Runs the operation once without a fault, so that everything is there that stays.
    public init(_ operation: SweptOperation, on daemon: Daemon, scope: FaultInjector.Scope = .daemon) async throws {
        self.operation = operation
        self.daemon = daemon
        self.scope = scope
        known = try Footprint.take(of: daemon)
        try await runWithoutFault("before any fault")
    }

    /// Lets each step fail.
    public mutating func failEachStep(atMost limit: Int, andEachCall: Bool = false) async throws {
        let descriptors = try Descriptors.take(of: daemon)
        var met = 0
        let numbers = try await chooseSteps(limit, forKill: false, andEachCall: andEachCall)
        for number in numbers {
            try await operation.prepare(daemon)
            let injector = try await FaultInjector.attach(to: daemon, .fail(number), scope: scope)
            let result = await outcome()
            // An operation that takes another way this time need not get so far.
            guard let step = try await injector.finish().struck else {
                try await operation.clean(daemon)
                continue
            }
            met += 1
            let place = "\(operation.name), \(step) failed"
            judge(result, place)
            if !daemon.isRunning {
                Issue.record("\(place): the daemon ended\n\(daemon.log)")
                try await daemon.start()
            }
            if case .success(let result) = result, result.status == 0 { try await operation.verify(daemon) }
            try await operation.clean(daemon)
            try await expectNothingLeft(place)
            // Each time would cost more than it tells.
            if met % 5 == 0 { try await runWithoutFault("after \(place)") }
        }
        try await runWithoutFault("after all faults")
        let left = try await descriptors.leftovers(of: daemon)
        #expect(left.isEmpty, "\(operation.name): descriptors are left open: \(left)")
        #expect(met * 2 > numbers.count, "\(operation.name): only \(met) of \(numbers.count) steps came about")
    }

    /// Kills the daemon before each step, and starts it again.
    public mutating func killAtEachStep(atMost limit: Int) async throws {
        var met = 0
        let numbers = try await chooseSteps(limit, forKill: true, andEachCall: false)
        for number in numbers {
            try await operation.prepare(daemon)
            let injector = try await FaultInjector.attach(to: daemon, .kill(number), scope: scope)
            let result = await outcome()
            guard let step = try await injector.finish().struck else {
                try await operation.clean(daemon)
                continue
            }
            met += 1
            let place = "\(operation.name), killed at \(step)"
            if case .failure(let error) = result { Issue.record("\(place): \(error)") }
            if scope == .daemon {
                await daemon.kill()
                try await daemon.start()
            }
            try await expectConsistentRecords(place)
            let wrong = try await operation.recover(daemon)
            #expect(wrong.isEmpty, "\(place): \(wrong.joined(separator: "\n"))")
            try await operation.clean(daemon)
            try await expectNothingLeft(place)
            // Each time would cost more than it tells.
            if met % 5 == 0 { try await runWithoutFault("after \(place)") }
        }
        try await runWithoutFault("after all faults")
        #expect(met * 2 > numbers.count, "\(operation.name): only \(met) of \(numbers.count) steps came about")
    }

    private func chooseSteps(_ limit: Int, forKill: Bool, andEachCall: Bool) async throws -> [Int] {
        try await operation.prepare(daemon)
        let injector = try await FaultInjector.attach(to: daemon, forKill ? .kill(.max) : .none, scope: scope)
        let result = try await operation.run(daemon)
        #expect(result.status == 0, "\(operation.name): \(result.errors)")
        let steps = try await injector.finish().steps
        try await operation.clean(daemon)
        #expect(!steps.isEmpty, "\(operation.name) makes no step")
        guard !Self.isExhaustive else { return steps.map(\.number) }
        var seen: Set<String> = []
        let different = steps.filter { seen.insert($0.likeness).inserted }.map(\.number)
        guard different.count > limit, limit > 1 else { return different }
        let spread = (0..<limit).map { different[$0 * (different.count - 1) / (limit - 1)] }
        // Each call may be dealt with wrongly in its own way.
        let calls = Dictionary(steps.map { ($0.name, $0.number) }) { first, _ in first }
        return Set(spread + (andEachCall ? Array(calls.values) : [])).sorted()
    }

    private func outcome() async -> Result<Program.Result, any Error> {
        do {
            return .success(try await operation.run(daemon))
        } catch {
            return .failure(error)
        }
    }

    /// One clear error with the right exit code, or success.
    private func judge(_ outcome: Result<Program.Result, any Error>, _ place: String) {
        guard case .success(let result) = outcome else {
            Issue.record("\(place): \(outcome)")
            return
        }
        guard result.status != 0 else { return }
        let lines = result.errors.split(separator: "\n")
        #expect([1, 125, 126, 127].contains(result.status), "\(place): exit code \(result.status)\n\(result.errors)")
        #expect(lines.first?.hasPrefix("tandem: ") == true, "\(place): no error\n\(result.errors)")
        #expect(lines.count { $0.hasPrefix("tandem: ") } == 1, "\(place): not one error\n\(result.errors)")
    }

    private func expectConsistentRecords(_ place: String) async throws {
        for id in try await daemon.tandem("ps", "-aq").lines {
            let state = try await daemon.tandem("inspect", "-f", "{{.State.Status}}", id).trimmed
            #expect(["created", "running", "paused", "exited"].contains(state), "\(place): the state is '\(state)'")
            if state == "paused" {
                let thawed = try await daemon.tandem("unpause", id, deadline: 20)
                #expect(thawed.status == 0, "\(place): \(thawed.errors)")
            }
            guard ["running", "paused"].contains(state) else { continue }
            let probe = try await daemon.tandem("exec", id, "true", deadline: 20)
            #expect(probe.status == 0, "\(place): it does not really run: \(probe.errors)")
        }
    }

    private mutating func expectNothingLeft(_ place: String) async throws {
        let left = try await known.leftovers(of: daemon)
        known.add(left)
        #expect(left.isEmpty, "\(place): left behind\n\(left.joined(separator: "\n"))\n\(lastWords)")
    }

    private var lastWords: String { daemon.log.split(separator: "\n").suffix(3).joined(separator: "\n") }

    private func runWithoutFault(_ place: String) async throws {
        try await operation.prepare(daemon)
        let result = try await operation.run(daemon)
        #expect(result.status == 0, "\(place), \(operation.name) does not work any more: \(result.errors)")
        try await operation.verify(daemon)
        try await operation.clean(daemon)
        // What goes on behind the answer must not count among the steps of what follows.
        _ = try await known.leftovers(of: daemon)
    }
}

/// The descriptors that a daemon has open, by what they stand for.
struct Descriptors {
    private let counts: [String: Int]

    static func take(of daemon: Daemon) throws -> Descriptors {
        let folder = "/proc/\(daemon.processID ?? 0)/fd"
        var counts: [String: Int] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            // One that was closed meanwhile is none.
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name) else {
                continue
            }
            counts[target.hasPrefix("/") ? target : String(target.prefix { $0 != "[" }), default: 0] += 1
        }
        return Descriptors(counts: counts)
    }

    func leftovers(of daemon: Daemon) async throws -> [String] {
        var left: [String] = []
        for _ in 0..<50 {
            left = try Self.take(of: daemon).counts.filter { $0.value > counts[$0.key, default: 0] }.map {
                "\($0.key): \($0.value) instead of \(counts[$0.key, default: 0])"
            }
            if left.isEmpty { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        return left
    }
}
