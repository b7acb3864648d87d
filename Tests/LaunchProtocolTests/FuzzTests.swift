// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import TestSupport
import Testing

/// What a workload or a guest could send: never a crash, and what is understood is understood the same way twice.
@Suite("Fuzzing of the launch protocol")
struct FuzzTests {
    @Test func launchPlans() throws {
        let sample = Samples.launch.encoded()
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            guard let plan = try? LaunchPlan(decoding: fuzzing.mutated(sample)) else { continue }  // refused
            #expect(try LaunchPlan(decoding: plan.encoded()) == plan, "seed \(fuzzing.seed)")
        }
    }

    @Test func processPlans() throws {
        let sample = Samples.process.encoded()
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            guard let plan = try? ProcessPlan(decoding: fuzzing.mutated(sample)) else { continue }  // refused
            #expect(try ProcessPlan(decoding: plan.encoded()) == plan, "seed \(fuzzing.seed)")
        }
    }

    @Test func framesInAnyPieces() throws {
        var fuzzing = Fuzzing()
        while fuzzing.next() {
            let kinds: [Frame.Kind] = [.hello, .output, .input, .closeInput, .exited, .signal]
            var frames: [Frame] = []
            for _ in 0..<Int.random(in: 1...6, using: &fuzzing.generator) {
                let kind = fuzzing.pick(kinds)
                frames.append(
                    Frame(
                        kind, process: .random(in: 0 ... .max, using: &fuzzing.generator),
                        payload: fuzzing.random(atMost: 300)))
            }
            let wire = frames.flatMap { $0.encoded() }
            #expect(cut(wire, &fuzzing).frames == frames, "seed \(fuzzing.seed)")
            // Damaged ones end in an error or wait for more, and give no more than has come.
            let damaged = fuzzing.mutated(wire)
            let found = cut(damaged, &fuzzing).frames
            #expect(found.reduce(0) { $0 + $1.payload.count + 12 } <= damaged.count, "seed \(fuzzing.seed)")
        }
    }

    private func cut(_ wire: [UInt8], _ fuzzing: inout Fuzzing) -> (frames: [Frame], isBroken: Bool) {
        var decoder = FrameDecoder()
        var frames: [Frame] = []
        var rest = wire[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...64, using: &fuzzing.generator))
            decoder.append(piece)
            rest = rest.dropFirst(piece.count)
            while let frame = try? decoder.next() { frames.append(frame) }  // what is broken shows in `isBroken`
            if decoder.isBroken { break }
        }
        return (frames, decoder.isBroken)
    }
}
