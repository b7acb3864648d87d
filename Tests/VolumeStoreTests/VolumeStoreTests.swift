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

    @Test("a volume without a name has Docker's label and is known by it")
    func anonymous() throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        let volume = try store.create(name: nil, labels: ["a": "b"])
        #expect(volume.name.count == 64)
        #expect(volume.labels == ["a": "b", "com.docker.volume.anonymous": ""])
        #expect(volume.isAnonymous)
        #expect(try !store.create(name: "named").isAnonymous)
    }

    @Test(
        "options that do not exist or lack their fellows are refused in Docker's words",
        arguments: [
            (["colour": "red"], "invalid option: \"colour\""),
            (["type": "tmpfs"], "missing required option: \"device\""),
            (["device": "tmpfs"], "missing required option: \"type\""),
            (["o": "ro"], "missing required option: \"device\""),
            (["size": "1m"], "quota size requested but no quota support"),
        ])
    func badOptions(_ options: [String: String], _ message: String) throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        let error = #expect(throws: EngineError.self) { try store.create(name: "data", options: options) }
        #expect(error?.message == message)
        #expect(error?.hint != nil)
        #expect(store.all.isEmpty)
    }

    @Test("the removal of a volume in use is refused in Docker's words")
    func inUse() throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        _ = try store.create(name: "data")
        let error = #expect(throws: EngineError.self) { try store.remove("data", users: ["abc", "def"]) }
        #expect(error?.code == .conflict)
        #expect(error?.message == "remove data: volume is in use - [abc, def]")
    }

    @Test("names that Docker refuses are refused", arguments: ["", "a", "-ab", "a/b", "../x", "ä1"])
    func badNames(_ name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        #expect(throws: EngineError.self) { try store.create(name: name) }
        #expect(store.all.isEmpty)
    }
}
