// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LaunchProtocol
import TandemModel

/// What every entry of a workload's log says beside the text, as the log options `labels`, `env` and `tag` ask for it
/// (moby daemon/logger/loginfo.go).
enum LogAttributes {
    /// - Returns: A JSON object, or nothing if there are none.
    static func encoded(for request: WorkloadRequest) throws(EngineError) -> Bytes {
        let options = request.spec.log.attributes
        guard !options.isEmpty else { return [] }
        var attributes: [String: String] = [:]
        let environment = Dictionary(
            request.spec.process.environment.map { entry in
                let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }, uniquingKeysWith: { $1 })
        for (name, source) in [("labels", request.spec.labels), ("env", environment)] {
            for wanted in (options[name] ?? "").split(separator: ",").map(String.init) {
                attributes[wanted] = source[wanted]
            }
            guard let text = options["\(name)-regex"], !text.isEmpty else { continue }
            guard let expression = try? Regex(text) else {  // its own words say nothing that the text does not
                throw EngineError(
                    .invalidArgument, "invalid regular expression for the log option \(name)-regex: '\(text)'",
                    hint: "For example ^app_.")
            }
            for (key, value) in source where key.contains(expression) { attributes[key] = value }
        }
        if let template = options["tag"], !template.isEmpty { attributes["tag"] = try tag(template, request) }
        guard !attributes.isEmpty else { return [] }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Bytes(try encoder.encode(attributes))
        } catch {
            throw EngineError(.internal, "the log's attributes cannot be written", cause: error)
        }
    }

    /// Docker's fields in double braces; without logic, which nobody needs for a tag.
    private static func tag(_ template: String, _ request: WorkloadRequest) throws(EngineError) -> String {
        var result = ""
        var rest = template[...]
        while let open = rest.firstRange(of: "{{") {
            result += rest[..<open.lowerBound]
            rest = rest[open.upperBound...]
            guard let close = rest.firstRange(of: "}}") else {
                throw EngineError(
                    .invalidArgument, "the log option tag has an open action: '\(template)'",
                    hint: "Close it with two braces.")
            }
            let field = rest[..<close.lowerBound].filter { !$0.isWhitespace }
            rest = rest[close.upperBound...]
            switch field {
            case ".ID": result += request.id.short
            case ".FullID": result += request.id.description
            case ".Name": result += request.name
            case ".ImageID": result += request.spec.imageID.drop { $0 != ":" }.dropFirst().prefix(12)
            case ".ImageFullID": result += request.spec.imageID
            case ".ImageName": result += request.spec.imageReference
            case ".DaemonName": result += "docker"
            case ".Command": result += request.spec.process.arguments.joined(separator: " ")
            default:
                throw EngineError(
                    .unsupported, "the log option tag has the unknown field '{{\(field)}}'",
                    hint: "Known are .ID, .FullID, .Name, .ImageID, .ImageFullID, .ImageName, .DaemonName and .Command."
                )
            }
        }
        return result + rest
    }
}
