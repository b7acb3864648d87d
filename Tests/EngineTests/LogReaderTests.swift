// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import SystemPackage
import Testing

@Suite("Logs")
struct LogReaderTests {
    private let path = FilePath(NSTemporaryDirectory()).appending("log-\(UUID().uuidString)")

    private func line(_ text: String) -> String {
        #"{"log":"\#(text)\n","stream":"stdout","time":"2026-01-01T00:00:00.000000000Z"}"# + "\n"
    }

    private func write(_ text: String, to path: String, appending: Bool = false) throws {
        if appending, let file = FileHandle(forWritingAtPath: path) {
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        } else {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    @Test("rotated parts come first, half a line waits for its rest, and rotation is followed")
    func rotation() async throws {
        let rotated = path.string + ".1"
        defer {
            try? FileManager.default.removeItem(atPath: path.string)
            try? FileManager.default.removeItem(atPath: rotated)
        }
        try write(line("old"), to: rotated)
        let half = line("half")
        try write(line("new") + half.prefix(20), to: path.string)
        let reader = LogReader(path: path)
        #expect(await reader.readAll().map(\.log) == ["old\n", "new\n"])
        try write(String(half.dropFirst(20)), to: path.string, appending: true)
        #expect(reader.readNew().map(\.log) == ["half\n"])
        try write(line("last"), to: path.string, appending: true)
        try FileManager.default.removeItem(atPath: rotated)
        try FileManager.default.moveItem(atPath: path.string, toPath: rotated)
        try write(line("first"), to: path.string)
        #expect(reader.readNew().map(\.log) == ["last\n", "first\n"])
        #expect(reader.readNew().isEmpty)
    }

    @Test("no log and rubbish are nothing")
    func nothing() async throws {
        defer { try? FileManager.default.removeItem(atPath: path.string) }
        #expect(await LogReader(path: path).readAll().isEmpty)
        try write("rubbish\n" + line("good"), to: path.string)
        #expect(await LogReader(path: path).readAll().map(\.log) == ["good\n"])
    }
}
