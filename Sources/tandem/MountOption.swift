// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// The long form of a mount: `type=bind,source=/a,target=/b,readonly`.
enum MountOption {
    static func parse(_ text: String) throws -> JSONValue {
        var mount: JSONValue = ["Type": "volume"]
        var tmpfs: JSONValue = [:]
        for field in text.split(separator: ",") {
            let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : "true"
            switch parts[0].lowercased() {
            case "type": mount["Type"] = .string(value)
            case "source", "src": mount["Source"] = .string(value)
            case "target", "dst", "destination": mount["Target"] = .string(value)
            case "readonly", "ro": mount["ReadOnly"] = .bool(value != "false" && value != "0")
            case "bind-propagation": mount["BindOptions"] = ["Propagation": .string(value)]
            case "volume-nocopy": mount["VolumeOptions"] = ["NoCopy": .bool(value != "false")]
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
        return mount
    }

    private static func failure(_ text: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            125, "invalid argument \"\(text)\" for \"--mount\": \(reason)",
            hint: "For example type=bind,source=/data,target=/data,readonly.")
    }
}
