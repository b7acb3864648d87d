// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import Testing

struct CodingTests {
    @Test func plansSurviveTheWire() throws {
        #expect(try ProcessPlan(decoding: Samples.process.encoded()) == Samples.process)
        #expect(try LaunchPlan(decoding: Samples.launch.encoded()) == Samples.launch)
        #expect(try MonitorPlan(decoding: Samples.monitor.encoded()) == Samples.monitor)
    }

    @Test func reportsSurviveTheWire() throws {
        let failure = LaunchFailure(.mount, errno: 2, object: Bytes("/x".utf8))
        #expect(try LaunchFailure(decoding: failure.encoded()) == failure)
        let record = ExitRecord(code: 137, time: -1, monotonic: .max, outOfMemory: true, guestLost: true)
        #expect(try ExitRecord(decoding: record.encoded()) == record)
        let row = ProcessRow(pid: 1, uid: 2, gid: 3, statistics: [4], command: [9, 0, 10])
        let table = ProcessTable(rows: [row], uptime: 5, time: 6, memory: 7)
        #expect(try ProcessTable(decoding: table.encoded()) == table)
        var usage = GuestUsage()
        usage.memoryTotal = 1
        usage.cpuTime = 2
        usage.pageTables = 3
        usage.kernelMemory = 4
        usage.kernelRelease = [6]
        #expect(try GuestUsage(decoding: usage.encoded()) == usage)
    }

    @Test func everyCutIsRefused() {
        let whole = Samples.monitor.encoded()
        for length in 0..<whole.count {
            #expect(throws: DecodingFailure.self) { try MonitorPlan(decoding: Bytes(whole.prefix(length))) }
        }
    }

    @Test func anythingLeftOverIsRefused() {
        #expect(throws: DecodingFailure.malformed) { try LaunchPlan(decoding: Samples.launch.encoded() + [0]) }
    }

    @Test func anotherVersionIsRefused() {
        var bytes = Samples.launch.encoded()
        bytes[0] += 1
        #expect(throws: DecodingFailure.wrongVersion) { try LaunchPlan(decoding: bytes) }
    }

    @Test func aCountBeyondTheMessageIsRefusedBeforeAnythingIsAllocated() {
        // Version, then a list of 4,294,967,295 storage mounts.
        #expect(throws: DecodingFailure.truncated) {
            try LaunchPlan(decoding: [launchProtocolVersion, 255, 255, 255, 255])
        }
    }

    @Test(arguments: 0..<200)
    func damageNeverCrashes(seed: UInt64) {
        var generator = SplitMix(state: seed)
        var bytes = Samples.monitor.encoded()
        for _ in 0..<8 {
            let index = Int.random(in: 1..<bytes.count, using: &generator)
            bytes[index] = UInt8.random(in: 0...255, using: &generator)
        }
        let result = Result { try MonitorPlan(decoding: bytes) }
        // A plan that could still be read must be one that can be written again.
        if case .success(let plan) = result { #expect(plan.encoded() == bytes) }
    }
}

/// A small seeded generator, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
