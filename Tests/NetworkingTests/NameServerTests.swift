// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import TandemModel
import Testing

@testable import Networking

@Suite("The names of a network")
struct NameServerTests {
    @Test("however many a workload has, all stay known when another one goes")
    func manyAliases() throws {
        let folder = FilePath(NSTemporaryDirectory()).appending("names-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        try FileManager.default.createDirectory(
            atPath: folder.appending("names").string, withIntermediateDirectories: true)
        let server = NameServer(folder: folder)
        let (many, other) = (WorkloadID.random(), WorkloadID.random())
        let names = (0..<400).map { "a-rather-long-alias-\($0)" }
        let address = try #require(IPAddress("10.1.0.2"))
        try server.write(many, names, [address])
        try server.write(other, ["other"], [address])
        try server.remove(other.short)
        let known = try String(contentsOfFile: folder.appending("known").string, encoding: .utf8)
        #expect(Set(known.split(separator: "\n")) == Set(names.map { "server=/\($0)/" }))
    }
}
