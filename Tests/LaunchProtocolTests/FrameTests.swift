// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import Testing

struct FrameTests {
    @Test func framesSurviveAnyCut() throws {
        let frames = [
            Frame(.hello, payload: [1, 2, 3]), Frame(.output, process: 7, payload: Bytes(repeating: 9, count: 70_000)),
            Frame(.closeInput, process: .max), Frame(.exited, payload: []),
        ]
        let wire = frames.flatMap { $0.encoded() }
        for size in [1, 5, 12, 13, 4_096, wire.count] {
            var decoder = FrameDecoder()
            var seen: [Frame] = []
            for start in stride(from: 0, to: wire.count, by: size) {
                decoder.append(wire[start..<min(start + size, wire.count)])
                while let frame = try decoder.next() { seen.append(frame) }
            }
            #expect(seen == frames, "in pieces of \(size)")
        }
    }

    @Test func anOversizedPayloadIsRefusedAtItsHeader() {
        var decoder = FrameDecoder()
        decoder.append([1, 0, 16, 0, 36, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: DecodingFailure.malformed) { try decoder.next() }
    }

    @Test func anUnknownKindIsRefused() {
        var decoder = FrameDecoder()
        decoder.append([0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: DecodingFailure.unknownValue) { try decoder.next() }
    }
}
