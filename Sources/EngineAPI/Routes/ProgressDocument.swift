// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine

/// Progress in the form of Docker's clients (moby, pkg/jsonmessage).
enum ProgressDocument {
    static func document(_ message: TransferMessage) -> JSONValue {
        var document: JSONValue = ["status": .string(message.status)]
        if let pushed = message.pushed {
            return [
                "progressDetail": [:],
                "aux": ["Tag": .string(pushed.tag), "Digest": .string(pushed.digest), "Size": .count(pushed.size)],
            ]
        }
        if !message.id.isEmpty { document["id"] = .string(message.id) }
        if message.isLayer { document["progressDetail"] = [:] }
        if let current = message.current {
            document["progressDetail"] = ["current": .count(current)]
            if let total = message.total {
                document["progressDetail"]["total"] = .count(total)
                document["progress"] = .string(bar(current, total))
            }
        }
        return document
    }

    /// `[====>      ]  3.1MB/5MB`.
    private static func bar(_ current: UInt64, _ total: UInt64) -> String {
        let half = total == 0 ? 50 : Int(min(100, current * 100 / total)) / 2
        let rest = String(repeating: " ", count: 50 - half)
        let numbers = size(current)
        let padding = String(repeating: " ", count: max(0, 8 - numbers.count))
        return "[\(String(repeating: "=", count: half))>\(rest)] \(padding)\(numbers)/\(size(total))"
    }

    /// Four digits and a decimal unit, as Go's `%.4g`.
    private static func size(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var units = ["B", "kB", "MB", "GB", "TB", "PB"][...]
        while value >= 1_000, units.count > 1 {
            value /= 1_000
            units = units.dropFirst()
        }
        let scale: Double = value >= 100 ? 10 : value >= 10 ? 100 : 1_000
        let rounded = (value * scale).rounded() / scale
        let text = rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
        return text + (units.first ?? "B")
    }
}
