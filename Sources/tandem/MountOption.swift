// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// The long form of a mount: `type=bind,source=/a,target=/b,readonly`.
enum MountOption {
    static func parse(_ text: String) throws -> JSONValue {
        var mount: JSONValue = ["Type": "volume"]
        var tmpfs: JSONValue = [:]
        var volume: JSONValue = [:]
        for field in try fields(of: text) {
            let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : "true"
            switch parts[0].lowercased() {
            case "type": mount["Type"] = .string(value)
            case "source", "src": mount["Source"] = .string(value)
            case "target", "dst", "destination": mount["Target"] = .string(value)
            case "readonly", "ro": mount["ReadOnly"] = .bool(value != "false" && value != "0")
            case "bind-propagation": mount["BindOptions"] = ["Propagation": .string(value)]
            case "volume-nocopy": volume["NoCopy"] = .bool(value != "false" && value != "0")
            case "volume-driver": volume["DriverConfig"] = with(volume["DriverConfig"], "Name", .string(value))
            case "volume-label": volume["Labels"] = with(volume["Labels"], pair: value)
            case "volume-opt":
                let options = with(volume["DriverConfig"]["Options"], pair: value)
                volume["DriverConfig"] = with(volume["DriverConfig"], "Options", options)
            case "tmpfs-size":
                guard let size = ByteCount(dockerText: value) else { throw failure(text, "'\(value)' is no size") }
                tmpfs["SizeBytes"] = .count(size.bytes)
            case "tmpfs-mode":
                guard let mode = Int64(value, radix: 8) else { throw failure(text, "'\(value)' is no mode") }
                tmpfs["Mode"] = .integer(mode)
            default: throw failure(text, "unexpected key '\(parts[0])'")
            }
        }
        guard mount["Target"].string != nil else { throw failure(text, "target is required") }
        if !tmpfs.isEmpty { mount["TmpfsOptions"] = tmpfs }
        if !volume.isEmpty { mount["VolumeOptions"] = volume }
        return mount
    }

    /// Fields between commas; one in double quotes may have commas of its own (RFC 4180), for options that are lists.
    private static func fields(of text: String) throws -> [String] {
        var fields = [""]
        var isQuoted = false
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "\"" where isQuoted && rest.first == "\"": fields[fields.count - 1].append(rest.removeFirst())
            case "\"" where isQuoted || fields.last == "": isQuoted.toggle()
            case "," where !isQuoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        guard !isQuoted else { throw failure(text, "a quote is not closed") }
        return fields.filter { !$0.isEmpty }
    }

    private static func with(_ object: JSONValue, _ name: String, _ value: JSONValue) -> JSONValue {
        var members = object.object ?? [:]
        members[name] = value
        return .object(members)
    }

    private static func with(_ object: JSONValue, pair: String) -> JSONValue {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return with(object, parts[0], .string(parts.count > 1 ? parts[1] : ""))
    }

    private static func failure(_ text: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            125, "invalid argument \"\(text)\" for \"--mount\": \(reason)",
            hint: "For example type=bind,source=/data,target=/data,readonly.")
    }
}
