// SPDX-License-Identifier: Apache-2.0

import APIModel

/// The part of Go's templates that people use in `--format`: `{{.A.B}}`, `{{json .A}}`, `{{.Label "name"}}`,
/// and `json` for everything.
enum Template {
    /// Prints documents one by one by a format, or all of them as JSON without one: what every `inspect` does.
    static func show(_ documents: [JSONValue], _ format: String?) throws(CommandFailure) {
        guard let format else {
            return Output.line(String(decoding: JSONValue.array(documents).encoded(pretty: true), as: UTF8.self))
        }
        for document in documents { Output.line(try render(format, document)) }
    }

    /// `labels` are what `{{.Label "name"}}` looks into; without any it shows the end of the name, as a header does.
    static func render(
        _ format: String, _ document: JSONValue, labels: [String: String]? = nil
    ) throws(CommandFailure) -> String {
        if format == "json" { return String(decoding: document.encoded(), as: UTF8.self) }
        var result = ""
        var rest = format.replacing("\\t", with: "\t").replacing("\\n", with: "\n")[...]
        while let open = rest.firstRange(of: "{{") {
            result += rest[..<open.lowerBound]
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw CommandFailure(64, "template parsing error: unclosed action in '\(format)'")
            }
            let action = rest[open.upperBound..<close.lowerBound].split(separator: " ").map(String.init)
            if action.count == 2, action[0] == ".Label" {
                let name = action[1].filter { $0 != "\"" }
                result += labels.map { $0[name] ?? "" } ?? name.split(separator: ".").last.map(String.init) ?? ""
            } else {
                result += try evaluate(action, document, format)
            }
            rest = rest[close.upperBound...]
        }
        return result + rest
    }

    private static func evaluate(_ action: [String], _ document: JSONValue, _ format: String) throws(CommandFailure)
        -> String
    {
        guard let path = action.last, path.hasPrefix("."),
            action.count == 1 || (action.count == 2 && action[0] == "json")
        else {
            throw CommandFailure(
                64, "template parsing error: '{{\(action.joined(separator: " "))}}' is not understood",
                hint: "Use {{.Field}}, {{.Field.Inner}} or {{json .Field}}.")
        }
        var value = document
        for name in path.split(separator: ".").map(String.init) {
            guard let members = value.object else { throw missing(name) }
            // Docker's documents and tables differ in the case of some names.
            guard let found = members[name] ?? members.first(where: { $0.key.lowercased() == name.lowercased() })?.value
            else {
                throw missing(name)
            }
            value = found
        }
        if action.count == 2 { return String(decoding: value.encoded(), as: UTF8.self) }
        return text(value)
    }

    private static func missing(_ name: String) -> CommandFailure {
        CommandFailure(64, "template: there is no field '\(name)'", hint: "`--format json` shows all fields.")
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "<no value>"
        case .bool(let value): String(value)
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value
        case .array(let values): "[" + values.map(text).joined(separator: " ") + "]"
        case .object(let members):
            "map[" + members.sorted { $0.key < $1.key }.map { "\($0.key):\(text($0.value))" }.joined(separator: " ")
                + "]"
        }
    }
}
