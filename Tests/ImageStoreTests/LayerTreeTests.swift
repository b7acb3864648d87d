// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import ImageStore

@Suite("The tree of a layer")
struct LayerTreeTests {
    private func path(_ text: String) -> [LayerTree.Name] {
        text.split(separator: "/").map { LayerTree.Name($0.utf8) }
    }

    private func tree(links: [(String, String)] = [], folders: [String] = []) throws -> LayerTree {
        var tree = LayerTree()
        for folder in folders { _ = try tree.makeFolder(at: path(folder), path: LayerTree.Name(folder.utf8)) }
        for (name, target) in links {
            let parts = path(name)
            let folder = try tree.makeFolder(at: parts.dropLast(), path: [])
            let content = LayerTree.Content.link(LayerTree.Name(target.utf8))
            try tree.add(try #require(parts.last), in: folder, .init(mode: LayerTree.FileType.link, content: content))
        }
        return tree
    }

    @Test("names that climb have no parts", arguments: ["..", "a/../b", "/..", "a/.."])
    func climbing(_ name: String) { #expect(LayerTree.components(of: name.utf8) == nil) }

    @Test("slashes and dots do not count", arguments: ["a/b", "/a//b/", "./a/./b"])
    func parts(_ name: String) { #expect(LayerTree.components(of: name.utf8) == path("a/b")) }

    @Test("links are followed within the root", arguments: ["/x/y", "../../../x/y", "../x/./y/", "/../x/y"])
    func links(_ target: String) throws {
        let tree = try tree(links: [("a/link", target)], folders: ["x/y", "a"])
        #expect(tree.folder(at: path("a/link")) == tree.folder(at: path("x/y")))
        #expect(tree.folder(at: path("x/y")) != nil)
    }

    @Test("links in a ring lead nowhere")
    func ring() throws {
        let tree = try tree(links: [("a", "b"), ("b", "a")])
        #expect(tree.folder(at: path("a/x")) == nil)
        #expect(tree.file(at: "a") == nil)
    }

    @Test("a chain of links that doubles each time ends")
    func bomb() throws {
        let links = (1...30).map { ("l\($0)", "l\($0 - 1)/l\($0 - 1)") } + [("l0", ".")]
        #expect(try tree(links: links).folder(at: path("l30")) == nil)
    }

    @Test("an archive of too many members is refused before memory runs out")
    func tooMany() throws {
        var tree = LayerTree(memory: 100_000)
        let error = #expect(throws: EngineError.self) {
            for number in 0..<10_000 {
                try tree.add(Array("\(number)".utf8), in: LayerTree.root, .init(mode: 0, content: .device(1)))
            }
        }
        #expect(error?.code == .resourceExhausted)
        #expect(tree.nodes.count > 100)
    }

    @Test("folders that lie too deep in each other are refused")
    func deep() throws {
        var tree = LayerTree()
        let error = #expect(throws: EngineError.self) {
            _ = try tree.makeFolder(at: Array(repeating: [0x64], count: 3_000), path: [])
        }
        #expect(error?.code == .corruptData)
    }
}
