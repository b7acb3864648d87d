// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import OCI
import TandemModel

extension ImageConfiguration.Defaults {
    /// Applies one instruction of `--change`, in a Dockerfile's words: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK,
    /// LABEL, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR.
    mutating func apply(change: String) throws(EngineError) {
        let parts = change.split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw EngineError(
                .invalidArgument, "the change '\(change)' is no instruction", hint: "For example: CMD [\"sh\"].")
        }
        let value = parts[1].trimmingPrefix(while: \.isWhitespace)
        switch parts[0].uppercased() {
        case "CMD": command = Self.words(String(value))
        case "ENTRYPOINT": entrypoint = Self.words(String(value))
        case "ENV": environment = (environment ?? []) + [try Self.pair(value, change)]
        case "LABEL":
            let pair = try Self.pair(value, change)
            let cut = pair.firstIndex(of: "=") ?? pair.endIndex
            labels = (labels ?? [:]).merging([String(pair[..<cut]): String(pair[cut...].dropFirst())]) { $1 }
        case "EXPOSE":
            let port = value.contains("/") ? String(value) : "\(value)/tcp"
            exposedPorts = (exposedPorts ?? [:]).merging([port: EmptyObject()]) { $1 }
        case "HEALTHCHECK": healthCheck = try HealthInstruction.parse(String(value))
        case "SHELL": shell = Self.list(String(value))
        case "VOLUME":
            for path in Self.list(String(value)) ?? value.split(separator: " ").map(String.init) {
                volumes = (volumes ?? [:]).merging([path: EmptyObject()]) { $1 }
            }
        case "STOPSIGNAL": stopSignal = String(value)
        case "USER": user = String(value)
        case "WORKDIR": workingDirectory = String(value)
        default:
            throw EngineError(
                .invalidArgument, "\(parts[0].uppercased()) is not a valid change command",
                hint:
                    "Use CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR.")
        }
    }

    /// A JSON list, or a line for the shell.
    private static func words(_ text: String) -> [String] { list(text) ?? ["/bin/sh", "-c", text] }

    static func list(_ text: String) -> [String]? {
        // What is no JSON list is the other form.
        text.hasPrefix("[") ? try? JSONDecoder().decode([String].self, from: Data(text.utf8)) : nil
    }

    /// `NAME=value`, or the older `NAME value`.
    private static func pair(_ text: Substring, _ change: String) throws(EngineError) -> String {
        if text.contains("=") { return String(text).replacing("\"", with: "") }
        let parts = text.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else {
            throw EngineError(.invalidArgument, "the change '\(change)' has a name but no value")
        }
        return "\(parts[0])=\(parts[1])"
    }
}
