// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The document on one line (RFC 8259).
    ///
    /// `JSONEncoder` wraps every value in one of its own first, which is most of the time of a long list's answer.
    var compact: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1_024)
        write(to: &text)
        return text
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += value ? "true".utf8 : "false".utf8
        case .integer(let value): text += String(value).utf8
        // JSON has no word for infinity.
        case .number(let value): text += value.isFinite ? String(value).utf8 : "null".utf8
        case .string(let value): Self.write(value, to: &text)
        case .array(let values):
            text.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            var isFirst = true
            for (name, value) in members {
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                Self.write(name, to: &text)
                text.append(UInt8(ascii: ":"))
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { bytes in
            var begin = 0
            for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
                text += bytes[begin..<index]
                begin = index + 1
                escape(byte, to: &text)
            }
            text += bytes[begin...]
        }
        text.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8, to text: inout [UInt8]) {
        switch byte {
        case 0x0A: text += #"\n"#.utf8
        case 0x0D: text += #"\r"#.utf8
        case 0x09: text += #"\t"#.utf8
        case 0x22, 0x5C: text += [0x5C, byte]
        default:
            let digits = Array("0123456789abcdef".utf8)
            text += #"\u00"#.utf8
            text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
