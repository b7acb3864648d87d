// SPDX-License-Identifier: Apache-2.0

/// Appends values in the wire's form: little-endian numbers, byte strings with a u32 length, lists with a u32 count.
public struct ByteWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: Bytes = []

    /// Begins an empty message.
    public init() {}

    /// Appends a number, lowest byte first.
    public mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number
        for _ in 0..<(Number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            // A shift by the whole width is not defined for one byte.
            if Number.bitWidth > 8 { rest >>= 8 }
        }
    }

    /// Appends a truth value as one byte.
    public mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// Appends a byte string with its length.
    public mutating func write(_ value: Bytes) {
        write(UInt32(value.count))
        bytes += value
    }

    /// Appends a list with its count.
    public mutating func write<Element>(_ list: [Element], _ element: (inout ByteWriter, Element) -> Void) {
        write(UInt32(list.count))
        for item in list { element(&self, item) }
    }
}
