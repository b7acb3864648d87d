// SPDX-License-Identifier: Apache-2.0

/// Why a message could not be read.
public enum DecodingFailure: Error, Sendable, Equatable {
    /// The message ends before its content does.
    case truncated
    /// A number stands for nothing that is known.
    case unknownValue
    /// The message is of another version.
    case wrongVersion
    /// Bytes are left over, or a length is beyond its bound.
    case malformed
}

/// Reads what `ByteWriter` wrote; every length is checked against what remains before anything is allocated.
public struct ByteReader: Sendable {
    private let bytes: Bytes
    private var position = 0

    /// Begins at the front of a message.
    public init(_ bytes: Bytes) { self.bytes = bytes }

    /// How many bytes have not been read.
    public var remaining: Int { bytes.count - position }

    /// Reads a number, lowest byte first.
    public mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self
    ) throws(DecodingFailure) -> Number {
        let size = Number.bitWidth / 8
        guard remaining >= size else { throw .truncated }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += size
        return Number(truncatingIfNeeded: value)
    }

    /// Reads a truth value.
    public mutating func bool() throws(DecodingFailure) -> Bool {
        switch try number(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .unknownValue
        }
    }

    /// Reads a byte string.
    public mutating func string() throws(DecodingFailure) -> Bytes {
        let count = Int(try number(UInt32.self))
        guard count <= remaining else { throw .truncated }
        defer { position += count }
        return Bytes(bytes[position..<(position + count)])
    }

    /// Reads a list; each element takes at least one byte, which bounds the count.
    public mutating func list<Element>(
        _ element: (inout ByteReader) throws(DecodingFailure) -> Element
    ) throws(DecodingFailure) -> [Element] {
        let count = Int(try number(UInt32.self))
        guard count <= remaining else { throw .truncated }
        var result: [Element] = []
        for _ in 0..<count { result.append(try element(&self)) }
        return result
    }

    /// Checks that nothing is left.
    public func finish() throws(DecodingFailure) {
        guard remaining == 0 else { throw .malformed }
    }
}
