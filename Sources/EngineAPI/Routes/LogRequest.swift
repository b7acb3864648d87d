// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Reads a `LogConfig`, with Docker's checks and words.
enum LogRequest {
    static func options(from configuration: JSONValue) throws(EngineError) -> LogOptions {
        var options = LogOptions()
        switch configuration["Type"].string ?? "" {
        case "", "json-file", "default": break
        case "none": return LogOptions(driver: .none)
        case let name:
            throw EngineError(
                .invalidArgument, "error looking up logging plugin \(name): plugin \"\(name)\" not found",
                hint: "Use json-file or none.")
        }
        let given = configuration["Config"].stringMap ?? [:]
        for (name, value) in given.sorted(by: { $0.key < $1.key }) { try apply(name, value, to: &options) }
        let rotates = options.maximumSize != nil && options.maximumFiles > 1
        guard given["compress"] != "true" else {
            throw rotates
                ? EngineError(
                    .unsupported, "rotated logs are not compressed: compress cannot be true", hint: "Leave it out.")
                : invalid("compress cannot be true when max-file is less than 2 or max-size is not set")
        }
        guard given["max-buffer-size"] == nil || given["mode"] == "non-blocking" else {
            throw EngineError(
                .invalidArgument, "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
                hint: "Leave it out.")
        }
        return options
    }

    private static func apply(_ name: String, _ value: String, to options: inout LogOptions) throws(EngineError) {
        switch name {
        case "max-size":
            // Docker's own default.
            guard value != "-1" else { return }
            guard let size = ByteCount(dockerText: value), size.bytes > 0 else {
                throw invalid("invalid size: '\(value)'")
            }
            options.maximumSize = size
        case "max-file":
            guard let count = Int(value), count > 0 else { throw invalid("max-file cannot be less than 1") }
            options.maximumFiles = count
        case "compress":
            guard ["true", "false"].contains(value) else { throw invalid("invalid value for compress: \(value)") }
        case "mode":
            guard value != "non-blocking" else {
                throw EngineError(
                    .unsupported, "the log option mode=non-blocking is not supported: no line is dropped",
                    hint: "Leave it out.")
            }
            guard value == "blocking" || value.isEmpty else {
                throw EngineError(
                    .invalidArgument, "logger: logging mode not supported: \(value)", hint: "Leave it out.")
            }
        case "max-buffer-size": break
        case "labels", "labels-regex", "env", "env-regex", "tag": options.attributes[name] = value
        default:
            throw EngineError(
                .invalidArgument, "unknown log opt '\(name)' for json-file log driver",
                hint: "Known are max-size, max-file, labels, env and tag.")
        }
    }

    private static func invalid(_ reason: String, hint: String = "For example max-size=10m and max-file=3.")
        -> EngineError
    {
        EngineError(.invalidArgument, "failed to initialize logging driver: \(reason)", hint: hint)
    }
}
