// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ImageStore

@Suite("Telling content from the rest of a tar")
struct TarSplitterTests {
    private func parts(_ bytes: [UInt8], step: Int) -> (frame: [UInt8], contents: [UInt64: [UInt8]]) {
        var splitter = TarSplitter()
        var frame: [UInt8] = []
        var contents: [UInt64: [UInt8]] = [:]
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(bytes.count, start + step)])
            piece.withUnsafeBytes { buffer in
                var offset = 0
                splitter.consume(buffer) { part in
                    switch part {
                    case .frame(let count):
                        frame += buffer[offset..<(offset + count)]
                        offset += count
                    case .content(let header, let count):
                        contents[header, default: []] += buffer[offset..<(offset + count)]
                        offset += count
                    }
                }
                #expect(offset == buffer.count)
            }
            start += step
        }
        return (frame, contents)
    }

    @Test("content is found whatever the pieces", arguments: [1, 7, 512, 100_000])
    func pieces(step: Int) {
        let long = String(repeating: "n", count: 180)
        let tar = Array(
            TestArchive().add("a", content: "first").add("empty").add(long, content: "second").add("l", link: "a")
                .bytes())
        let (frame, contents) = parts(tar, step: step)
        #expect(contents.sorted { $0.key < $1.key }.map(\.value) == [Array("first".utf8), Array("second".utf8)])
        #expect(contents[0] == Array("first".utf8))
        #expect(frame.count == tar.count - 11)
    }

    @Test("what is no tar is no content")
    func rubbish() {
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let (frame, contents) = parts(bytes, step: 600)
        #expect(frame == bytes)
        #expect(contents.isEmpty)
    }
}
