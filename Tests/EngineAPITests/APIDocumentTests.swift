// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import EngineAPI

/// `docs/api.md` has a row for every route, and says of each what the router does.
struct APIDocumentTests {
    private struct Row: Hashable, CustomStringConvertible {
        var method: String
        var path: String
        var isRefused: Bool
        var description: String { "\(method) \(path) \(isRefused ? "refused" : "works")" }
    }

    @Test func theTableAndTheRouterAgree() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/api.md"), encoding: .utf8)
        var documented: Set<Row> = []
        for line in text.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count >= 6, ["GET", "HEAD", "POST", "PUT", "DELETE"].contains(cells[1]) else { continue }
            let answers = Set(cells[3...4])
            #expect(answers.isSubset(of: ["works", "refused"]), "\(line)")
            documented.insert(
                Row(
                    method: cells[1], path: cells[2].filter { $0 != "`" },
                    isRefused: answers == ["refused"]))
        }
        let served = Set(
            API.router.routes.map {
                Row(
                    method: $0.method, path: "/" + $0.pattern.replacingOccurrences(of: "...}", with: "}"),
                    isRefused: $0.refusal != nil)
            })
        #expect(served.count == API.router.routes.count, "a route stands twice in the router")
        #expect(served.subtracting(documented).isEmpty, "served, but not in docs/api.md")
        #expect(documented.subtracting(served).isEmpty, "in docs/api.md, but not served")
    }

    @Test func everyRouteIsReached() throws {
        for route in API.router.routes {
            let path = route.pattern.split(separator: "/").map { $0.hasPrefix("{") ? "x" : String($0) }
            let found = try #require(API.router.find(route.method, "/" + path.joined(separator: "/")))
            #expect(found.route.pattern == route.pattern, "\(route.method) \(route.pattern) is hidden by another route")
        }
    }
}
