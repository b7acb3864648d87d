// SPDX-License-Identifier: Apache-2.0

import Client
import Foundation
import Testing

@testable import Benchmark

@Suite("The folder of a run")
struct RunFolderTests {
    private let parent = FileManager.default.temporaryDirectory.appending(path: "runs-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true) }

    /// As a run leaves it that is killed.
    private func abandon(_ body: (RunFolder) throws -> Void = { _ in }) throws -> String {
        let folder = try RunFolder(in: parent)
        try body(folder)
        return folder.path
    }

    @Test("one whose run lives is no other's, one whose run was killed is found with its record")
    func abandoned() throws {
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let living = try RunFolder(in: parent)
        #expect(living.path == "\(parent)/tandem-bench-\(living.mark)" && living.mark.count == 6)
        #expect(RunFolder.abandoned(in: parent).isEmpty)
        let path = try abandon { folder in
            try folder.add(socket: "/nonexistent/a")
            try folder.add(socket: "/nonexistent/b")
            try folder.add(socket: "/nonexistent/a")
            try folder.add(kernel: "stock", at: "/nonexistent/a")
            // What a scan has chosen is not what was used before it.
            try folder.add(kernel: "tuned", at: "/nonexistent/a")
        }
        let found = RunFolder.abandoned(in: parent)
        #expect(found.map(\.path) == [path])
        #expect(found.first?.record.sockets == ["/nonexistent/a", "/nonexistent/b"])
        #expect(found.first?.record.kernels == ["/nonexistent/a": "stock"])
        // The finder has it now.
        #expect(RunFolder.abandoned(in: parent).isEmpty)
        withExtendedLifetime((living, found)) {}
    }

    @Test("is kept until everything could be undone")
    func kept() async throws {
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let path = try abandon { folder in
            try folder.add(socket: "/nonexistent/a")
            try FileManager.default.createDirectory(atPath: folder.processRoot, withIntermediateDirectories: true)
        }
        #expect(try await #require(RunFolder.abandoned(in: parent).first).undo() == false)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["run.json"])
        let other = try abandon { _ = try $0.makeShare() }
        for folder in RunFolder.abandoned(in: parent) { await folder.undo() }
        #expect(!FileManager.default.fileExists(atPath: other) && FileManager.default.fileExists(atPath: path))
        // An endpoint that does not come back is not waited for in all eternity.
        let past = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -8 * 86_400)]
        try FileManager.default.setAttributes(past, ofItemAtPath: path + "/run.json")
        #expect(try await #require(RunFolder.abandoned(in: parent).first).undo())
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("rubbish beside it or in its record changes nothing")
    func rubbish() async throws {
        defer { try? FileManager.default.removeItem(atPath: parent) }
        try Data("x".utf8).write(to: URL(filePath: parent + "/tandem-bench-file"))
        try FileManager.default.createSymbolicLink(
            atPath: parent + "/tandem-bench-link", withDestinationPath: NSHomeDirectory())
        let path = try abandon { try Data("{".utf8).write(to: URL(filePath: $0.path + "/run.json")) }
        let found = RunFolder.abandoned(in: parent)
        #expect(found.map(\.path) == [path])
        #expect(try await #require(found.first).undo())
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: parent).sorted()
                == ["tandem-bench-file", "tandem-bench-link"])
    }
}
