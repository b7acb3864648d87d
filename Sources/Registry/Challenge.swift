// SPDX-License-Identifier: Apache-2.0

/// How a registry wants to be shown who asks: one entry of `WWW-Authenticate` (RFC 9110, 11.6.1).
struct Challenge: Hashable, Sendable {
    /// In lower case: `basic` or `bearer`.
    var scheme: String
    /// Names in lower case.
    var parameters: [String: String]

    /// Reads all challenges of a header; what cannot be understood ends the list.
    static func parse(_ header: String) -> [Challenge] {
        var reader = Reader(bytes: Array(header.utf8)[...])
        var challenges: [Challenge] = []
        while challenges.count < 8 {
            reader.skip { $0 == 0x20 || $0 == 0x09 || $0 == 0x2C }
            guard let word = reader.token() else { break }
            reader.skip { $0 == 0x20 || $0 == 0x09 }
            if reader.bytes.first == 0x3D, !challenges.isEmpty {
                reader.bytes = reader.bytes.dropFirst()
                guard let value = reader.value() else { break }
                challenges[challenges.count - 1].parameters[word.lowercased()] = value
            } else {
                challenges.append(Challenge(scheme: word.lowercased(), parameters: [:]))
            }
        }
        return challenges
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func skip(_ isSkipped: (UInt8) -> Bool) { bytes = bytes.drop(while: isSkipped) }

        mutating func token() -> String? {
            let word = bytes.prefix { $0 > 0x20 && $0 < 0x7F && !#"(),/:;<=>?@[\]{}""#.utf8.contains($0) }
            bytes = bytes.dropFirst(word.count)
            return word.isEmpty ? nil : String(decoding: word, as: UTF8.self)
        }

        /// A token, or text in quotes.
        mutating func value() -> String? {
            guard bytes.first == 0x22 else { return token() }
            bytes = bytes.dropFirst()
            var text: [UInt8] = []
            while let byte = bytes.popFirst() {
                switch byte {
                case 0x22: return String(decoding: text, as: UTF8.self)
                case 0x5C:
                    guard let escaped = bytes.popFirst() else { return nil }
                    text.append(escaped)
                default: text.append(byte)
                }
            }
            return nil
        }
    }
}
