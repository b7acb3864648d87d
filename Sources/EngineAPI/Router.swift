// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Maps methods and paths to functions.
struct Router: Sendable {
    typealias Handler = @Sendable (API, Call) async throws(EngineError) -> Void

    private struct Route: Sendable {
        let method: String
        let parts: [Substring]
        let handler: Handler
    }

    private var routes: [Route] = []

    /// Adds a route.
    ///
    /// A part in braces takes one part of the path, one with `...` as many as there are.
    mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
        routes.append(Route(method: method, parts: pattern.split(separator: "/"), handler: handler))
    }

    func find(_ method: String, _ path: String) -> (Handler, [String: String])? {
        let parts = path.split(separator: "/")
        for route in routes where route.method == method {
            if let parameters = Self.match(route.parts, parts) { return (route.handler, parameters) }
        }
        return nil
    }

    private static func match(_ pattern: [Substring], _ parts: [Substring]) -> [String: String]? {
        var parameters: [String: String] = [:]
        var index = 0
        for (position, part) in pattern.enumerated() {
            guard part.hasPrefix("{") else {
                guard index < parts.count, parts[index] == part else { return nil }
                index += 1
                continue
            }
            var name = part.dropFirst().dropLast()
            guard name.hasSuffix("...") else {
                guard index < parts.count else { return nil }
                parameters[String(name)] = Request.decode(parts[index])
                index += 1
                continue
            }
            name = name.dropLast(3)
            // An image's name has slashes of its own.
            let count = parts.count - index - (pattern.count - position - 1)
            guard count > 0 else { return nil }
            parameters[String(name)] = parts[index..<(index + count)].map { Request.decode($0) }.joined(separator: "/")
            index += count
        }
        return index == parts.count ? parameters : nil
    }
}
