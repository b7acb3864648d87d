// SPDX-License-Identifier: Apache-2.0

#if !hasFeature(Embedded)
    import LaunchProtocol
#endif

/// One request to the kernel's routing family (rtnetlink(7)), built byte by byte.
public struct NetlinkMessage: Sendable, Equatable {
    /// The message without its header's length and sequence number, which are filled in when it is sent.
    private(set) var bytes: Bytes

    /// Begins a message; `body` is the family's fixed header.
    init(_ type: Kind, flags: Flags, body: Bytes) {
        bytes = []
        bytes.reserveCapacity(256)
        append(UInt32(0))
        append(type.rawValue)
        append(flags.rawValue | Flags.request.rawValue)
        append(UInt32(0))
        append(UInt32(0))
        bytes += body
    }

    /// What is asked for.
    enum Kind: UInt16 {
        case newLink = 16
        case deleteLink = 17
        case getLink = 18
        case setLink = 19
        case newAddress = 20
        case newRoute = 24
        case getRoute = 26
        case newNeighbour = 28
        case deleteNeighbour = 29
    }

    /// How.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        static let request = Flags(rawValue: 0x1)
        static let acknowledge = Flags(rawValue: 0x4)
        static let replace = Flags(rawValue: 0x100)
        static let dump = Flags(rawValue: 0x300)
        static let exclusive = Flags(rawValue: 0x200)
        static let create = Flags(rawValue: 0x400)
        static let append = Flags(rawValue: 0x800)
    }

    /// Appends a number in the host's byte order.
    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number) { bytes += $0 }
    }

    /// Appends an attribute.
    mutating func attribute(_ type: UInt16, _ payload: Bytes) {
        append(UInt16(payload.count + 4))
        append(type)
        bytes += payload
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    /// Appends an attribute of one number.
    mutating func attribute<Number: FixedWidthInteger>(_ type: UInt16, number: Number) {
        attribute(type, encoded(number))
    }

    /// Appends an attribute of text, terminated.
    mutating func attribute(_ type: UInt16, text: Bytes) { attribute(type, text + [0]) }

    /// Appends an attribute that holds others.
    mutating func nest(_ type: UInt16, _ body: (inout NetlinkMessage) -> Void) {
        let start = bytes.count
        append(UInt16(0))
        append(type | 0x8000)
        body(&self)
        let length = UInt16(truncatingIfNeeded: bytes.count - start)
        bytes[start] = UInt8(truncatingIfNeeded: length)
        bytes[start + 1] = UInt8(truncatingIfNeeded: length >> 8)
    }

    /// Appends bytes as they are.
    mutating func append(raw: Bytes) { bytes += raw }

    /// The finished message.
    func finished(sequence: UInt32) -> Bytes {
        var message = bytes
        // Little-endian, as every machine that Tandem runs on.
        for index in 0..<4 {
            message[index] = UInt8(truncatingIfNeeded: message.count >> (8 * index))
            message[8 + index] = UInt8(truncatingIfNeeded: sequence >> UInt32(8 * index))
        }
        return message
    }
}

/// A number in the host's byte order.
func encoded<Number: FixedWidthInteger>(_ number: Number) -> Bytes {
    withUnsafeBytes(of: number) { Bytes($0) }
}

/// Reads attributes of an answer.
struct NetlinkReader {
    let bytes: Bytes
    var offset: Int
    let end: Int

    init(_ bytes: Bytes, from offset: Int, to end: Int) {
        self.bytes = bytes
        self.offset = offset
        self.end = Swift.min(end, bytes.count)
    }

    /// The next attribute's type and where its payload lies; `nil` at the end, also at one that is cut off.
    mutating func next() -> (type: UInt16, payload: Range<Int>)? {
        guard offset + 4 <= end else { return nil }
        let length = Int(number(at: offset) as UInt16)
        guard length >= 4, offset + length <= end else { return nil }
        let type: UInt16 = number(at: offset + 2) & 0x3FFF
        let payload = offset + 4..<offset + length
        offset += (length + 3) & ~3
        return (type, payload)
    }

    /// A number in the host's byte order; 0 beyond the end.
    func number<Number: FixedWidthInteger>(at position: Int) -> Number {
        let size = Number.bitWidth / 8
        guard position >= 0, position + size <= bytes.count else { return 0 }
        var value: Number = 0
        for index in 0..<size { value |= Number(truncatingIfNeeded: bytes[position + index]) << (8 * index) }
        return value
    }

    /// Text without its terminating zero.
    func text(_ range: Range<Int>) -> Bytes { Bytes(bytes[range].prefix { $0 != 0 }) }
}
