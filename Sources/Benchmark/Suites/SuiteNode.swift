// SPDX-License-Identifier: Apache-2.0

import Yams

/// A place in a suite's file, for reading and for telling what is wrong there.
struct SuiteNode {
    private let node: Node
    private let file: String
    private let path: String

    init(_ node: Node, file: String, path: String) {
        self.node = node
        self.file = file
        self.path = path
    }

    func failure(_ what: String) -> BenchmarkError {
        let place = node.mark.map { "\(file):\($0.line)" } ?? file
        return BenchmarkError("\(place): \(path) \(what)", hint: "docs/bench.md describes suites.")
    }

    /// The members of a mapping, of which none may be missing or unknown.
    func members(required: [String], optional: [String]) throws(BenchmarkError) -> SuiteMembers {
        guard let mapping = node.mapping else { throw failure("is no mapping of names to values") }
        var members: [String: SuiteNode] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            guard required.contains(name) || optional.contains(name) else {
                throw SuiteNode(key, file: file, path: path).failure(
                    "has a member '\(name)' that no suite has; known are \((required + optional).joined(separator: ", "))"
                )
            }
            members[name] = SuiteNode(value, file: file, path: name)
        }
        for name in required where members[name] == nil { throw failure("lacks '\(name)'") }
        return SuiteMembers(node: self, members: members)
    }

    func text() throws(BenchmarkError) -> String {
        guard let scalar = node.scalar else { throw failure("is no text") }
        return scalar.string
    }

    /// A list of texts; one text is a list of one.
    func texts() throws(BenchmarkError) -> [String] {
        if node.scalar != nil { return [try text()] }
        var texts: [String] = []
        for item in try items() { texts.append(try item.text()) }
        return texts
    }

    func items() throws(BenchmarkError) -> [SuiteNode] {
        guard let sequence = node.sequence else { throw failure("is no list") }
        return sequence.enumerated().map { SuiteNode($1, file: file, path: "entry \($0 + 1) of \(path)") }
    }

    func number() throws(BenchmarkError) -> Double {
        guard let number = Double(try text()), number.isFinite, number >= 0 else { throw failure("is no number") }
        return number
    }
}

/// The members of a mapping in a suite's file.
struct SuiteMembers {
    let node: SuiteNode
    let members: [String: SuiteNode]

    subscript(name: String) -> SuiteNode? { members[name] }

    func failure(_ what: String) -> BenchmarkError { node.failure(what) }

    private func required(_ name: String) throws(BenchmarkError) -> SuiteNode {
        guard let member = members[name] else { throw failure("lacks '\(name)'") }
        return member
    }

    func text(_ name: String) throws(BenchmarkError) -> String { try required(name).text() }

    func items(_ name: String) throws(BenchmarkError) -> [SuiteNode] { try required(name).items() }

    func optionalText(_ name: String) throws(BenchmarkError) -> String? { try members[name]?.text() }

    func optionalTexts(_ name: String) throws(BenchmarkError) -> [String]? { try members[name]?.texts() }

    func optionalNumber(_ name: String) throws(BenchmarkError) -> Double? { try members[name]?.number() }

    func optionalCount(_ name: String) throws(BenchmarkError) -> Int? {
        guard let member = members[name] else { return nil }
        guard let count = Int(exactly: try member.number()) else { throw member.failure("is no whole number") }
        return count
    }

    func optionalChoice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String
    ) throws(BenchmarkError) -> Choice? {
        guard let member = members[name] else { return nil }
        guard let choice = Choice(rawValue: try member.text()) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw member.failure("is none of \(known)")
        }
        return choice
    }
}
