// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Maps methods and paths to functions.
struct Router: Sendable {
    typealias Handler = @Sendable (API, Call) async throws(EngineError) -> Void

    /// A method, a pattern of paths, and what serves them.
    struct Route: Sendable {
        let method: String
        let pattern: String
        let parts: [Substring]
        let handler: Handler
        /// Why it is refused; `nil` if it works.
        let refusal: String?
    }

    private(set) var routes: [Route] = []

    /// Adds a route.
    ///
    /// A part in braces takes one part of the path, one with `...` as many as there are.
    mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
        routes.append(
            Route(
                method: method, pattern: pattern, parts: pattern.split(separator: "/"), handler: handler, refusal: nil))
    }

    /// Adds a route of Docker's that is answered with 501 and a sentence.
    mutating func refuse(_ method: String, _ pattern: String, _ sentence: String, hint: String? = nil) {
        routes.append(
            Route(
                method: method, pattern: pattern, parts: pattern.split(separator: "/"),
                handler: { (_, _) throws(EngineError) in throw EngineError(.unsupported, sentence, hint: hint) },
                refusal: sentence))
    }

    /// The first route that fits, and what stands in the places of its placeholders.
    func find(_ method: String, _ path: String) -> (route: Route, parameters: [String: String])? {
        let parts = path.split(separator: "/")
        for route in routes where route.method == method {
            if let parameters = Self.match(route.parts, parts) { return (route, parameters) }
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
