// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import TandemModel
import Testing
import VolumeStore

@Suite("Volumes")
struct VolumeStoreTests {
    private let root = FilePath(NSTemporaryDirectory()).appending("volumes-\(UUID().uuidString)")

    @Test("a volume is made once, found again by the next daemon, and removed with its files")
    func lifecycle() throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        let volume = try store.create(name: "data", labels: ["a": "b"])
        #expect(try store.create(name: "data") == volume)
        try "x".write(toFile: store.path(of: volume).appending("file").string, atomically: true, encoding: .utf8)
        let again = try VolumeStore(root: root)
        #expect(try again.volume("data") == volume)
        #expect(throws: EngineError.self) { try again.remove("data", users: ["web"]) }
        try again.remove("data", users: [])
        #expect(!FileManager.default.fileExists(atPath: root.appending("data").string))
        #expect(throws: EngineError.self) { try again.volume("data") }
    }

    @Test("what was half made goes at the next start")
    func halfMade() throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        _ = try VolumeStore(root: root)
        try FileManager.default.createDirectory(
            atPath: root.appending("torn/_data").string, withIntermediateDirectories: true)
        #expect(try VolumeStore(root: root).all.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: root.appending("torn").string))
    }

    @Test("names that Docker refuses are refused", arguments: ["", "a", "-ab", "a/b", "../x", "ä1"])
    func badNames(_ name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        #expect(throws: EngineError.self) { try store.create(name: name) }
        #expect(store.all.isEmpty)
    }
}
