// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import TandemModel

/// The parameter `platform`: `linux/amd64` or, since API 1.48, `{"os":"linux","architecture":"amd64"}`.
struct PlatformParameter {
    var os: String
    /// Go's name; empty if only the system is named.
    var architecture: String
    /// Go's name, for example `v7`.
    var variant: String?

    init(_ text: String) throws(EngineError) {
        if text.hasPrefix("{") {
            guard let document = JSONValue(parsing: Data(text.utf8)) else {
                throw EngineError(.invalidArgument, "failed to parse platform: it is no JSON object")
            }
            os = document["os"].string ?? ""
            architecture = document["architecture"].string ?? ""
            variant = document["variant"].string.flatMap { $0.isEmpty ? nil : $0 }
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty && !$0.contains(where: \.isWhitespace) }) else {
            throw EngineError(
                .invalidArgument, "\"\(text)\" is an invalid platform specifier", hint: "For example linux/amd64.")
        }
        // A single word is a system or a machine.
        let isSystem = parts.count > 1 || parts[0] == "linux" || parts[0] == "windows"
        os = isSystem ? parts[0] : ""
        architecture = Self.normalized(isSystem ? (parts.count > 1 ? parts[1] : "") : parts[0])
        variant = isSystem && parts.count > 2 ? parts[2].lowercased() : !isSystem && parts.count > 1 ? parts[1] : nil
    }

    private static func normalized(_ name: String) -> String {
        switch name.lowercased() {
        case "x86_64", "x86-64": "amd64"
        case "aarch64": "arm64"
        default: name.lowercased()
        }
    }
}
