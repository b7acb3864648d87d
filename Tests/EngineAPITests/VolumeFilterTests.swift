// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import TandemModel
import Testing
import VolumeStore

@testable import EngineAPI

@Suite("Filters of volumes")
struct VolumeFilterTests {
    private let root = FilePath(NSTemporaryDirectory()).appending("filters-\(UUID().uuidString)")

    private func names(_ filter: VolumeFilter) throws -> [String] {
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let store = try VolumeStore(root: root)
        _ = try store.create(name: "web-data", labels: ["tier": "web"])
        _ = try store.create(name: "web-cache", labels: ["tier": "web", "keep": "no"])
        _ = try store.create(name: "db", labels: ["tier": "db"])
        _ = try store.create(name: nil)
        return store.all.filter(filter.matches).map { $0.isAnonymous ? "anonymous" : $0.name }.sorted()
    }

    @Test("a name is a regular expression, as for Docker")
    func name() throws {
        #expect(try names(VolumeFilter(["name": ["^web"]])) == ["web-cache", "web-data"])
        #expect(try names(VolumeFilter(["name": ["ata$", "^db$"]])) == ["db", "web-data"])
        #expect(try names(VolumeFilter(["name": ["("]])) == [])
    }

    @Test func label() throws {
        #expect(try names(VolumeFilter(["label": ["tier=web", "keep"]])) == ["web-cache"])
    }

    @Test func driver() throws {
        #expect(try names(VolumeFilter(["driver": ["local"]])).count == 4)
        #expect(try names(VolumeFilter(["driver": ["nfs"]])) == [])
    }

    @Test func danglingIsATruthValue() throws {
        #expect(try VolumeFilter(["dangling": ["1"]]).dangling == true)
        #expect(try VolumeFilter(["dangling": ["false"]]).dangling == false)
        let error = #expect(throws: EngineError.self) { try VolumeFilter(["dangling": ["perhaps"]]) }
        #expect(error?.message == "invalid filter 'dangling=perhaps'")
    }

    @Test("a clean-up takes anonymous volumes, all of them on request, and all of them before API 1.42")
    func pruning() throws {
        #expect(try names(VolumeFilter(pruning: [:], version: "1.42")) == ["anonymous"])
        #expect(try names(VolumeFilter(pruning: [:], version: nil)) == ["anonymous"])
        #expect(try names(VolumeFilter(pruning: ["all": ["true"]], version: "1.45")).count == 4)
        #expect(try names(VolumeFilter(pruning: [:], version: "1.41")).count == 4)
        let some = try VolumeFilter(pruning: ["all": ["1"], "label!": ["keep", "tier=db"]], version: nil)
        #expect(try names(some) == ["anonymous", "web-data"])
    }

    @Test("other filters are refused in Docker's words")
    func unknown() {
        let list = #expect(throws: EngineError.self) { try VolumeFilter(["all": ["true"]]) }
        let prune = #expect(throws: EngineError.self) { try VolumeFilter(pruning: ["name": ["x"]], version: nil) }
        let old = #expect(throws: EngineError.self) { try VolumeFilter(pruning: ["all": ["1"]], version: "1.41") }
        #expect([list, prune, old].map { $0?.message } == ["all", "name", "all"].map { "invalid filter '\($0)'" })
    }
}
