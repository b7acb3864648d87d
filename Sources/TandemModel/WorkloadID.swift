// SPDX-License-Identifier: Apache-2.0

/// Identifies one workload for ever: 64 lower-case hexadecimal digits, as a Docker container id.
public struct WorkloadID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The 64 hexadecimal digits.
    public let description: String

    /// The first twelve digits, which tables show and which become the default host name.
    public var short: String { String(description.prefix(12)) }

    /// Checks and wraps an id.
    ///
    /// - Returns: `nil` unless `text` is 64 lower-case hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy(Self.isLowercaseHexadecimal) else { return nil }
        description = text
    }

    /// Draws a new id from the system's random numbers.
    public static func random() -> WorkloadID {
        // Each number is a system call.
        let words = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max) }
        let text = words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return WorkloadID(unchecked: text.joined())
    }

    private init(unchecked text: String) { description = text }

    /// Decodes from a single string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = WorkloadID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a workload id")
        }
        self = id
    }

    /// Encodes as a single string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    private static func isLowercaseHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}
