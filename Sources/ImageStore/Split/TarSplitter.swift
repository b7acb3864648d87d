// SPDX-License-Identifier: Apache-2.0

/// Tells the content of a tar's files from everything else in it, while the tar passes by.
///
/// Pure. What it does not understand it takes for something else than content: that costs room, never a byte.
struct TarSplitter {
    /// A part of the tar.
    enum Part: Equatable {
        /// Headers, padding, the end: so many of the bytes at hand.
        case frame(Int)
        /// Content of the file whose first header lies at a position of the tar: so many of the bytes at hand.
        case content(header: UInt64, Int)
    }

    private enum State {
        case header
        /// Bytes that belong to the frame, up to the next header.
        case skip(UInt64)
        /// An extended header, whose records say more about the next member.
        case records(UInt64, padding: UInt64)
        case content(UInt64, padding: UInt64)
        /// Everything from here on belongs to the frame.
        case rest
    }

    private static let blockSize = 512
    /// As long as an extended header may be that is looked into.
    private static let longestRecords: UInt64 = 1 << 20

    private var state = State.header
    private var block: [UInt8] = []
    private var records: [UInt8] = []
    /// Where the next byte lies in the tar.
    private var position: UInt64 = 0
    /// Where the first header of the present member lies.
    private var member: UInt64?
    /// What an extended header says about the present member.
    private var size: UInt64?
    private var isSparse = false

    init() { block.reserveCapacity(Self.blockSize) }

    /// Takes in the next bytes and gives their parts in order.
    mutating func consume(_ bytes: UnsafeRawBufferPointer, _ receive: (Part) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count: Int
            switch state {
            case .header:
                count = min(rest.count, Self.blockSize - block.count)
                block.append(contentsOf: rest.prefix(count))
                receive(.frame(count))
            case .skip(let left), .records(let left, _), .content(let left, _):
                count = Int(min(UInt64(rest.count), left))
                if case .content = state {
                    receive(.content(header: member ?? 0, count))
                } else {
                    receive(.frame(count))
                }
                if case .records = state { records.append(contentsOf: rest.prefix(count)) }
            case .rest:
                count = rest.count
                receive(.frame(count))
            }
            position += UInt64(count)
            rest = rest.dropFirst(count)
            advance(by: count)
        }
    }

    private mutating func advance(by count: Int) {
        switch state {
        case .header: if block.count == Self.blockSize { readHeader() }
        case .skip(let left): state = left == UInt64(count) ? .header : .skip(left - UInt64(count))
        case .records(let left, let padding):
            state = .records(left - UInt64(count), padding: padding)
            if left == UInt64(count) {
                readRecords()
                enter(skipping: padding)
            }
        case .content(let left, let padding):
            state = .content(left - UInt64(count), padding: padding)
            if left == UInt64(count) {
                endMember()
                enter(skipping: padding)
            }
        case .rest: break
        }
    }

    private mutating func enter(skipping count: UInt64) { state = count == 0 ? .header : .skip(count) }

    private mutating func endMember() {
        member = nil
        size = nil
        isSparse = false
    }

    // MARK: Headers

    private mutating func readHeader() {
        defer { block.removeAll(keepingCapacity: true) }
        if member == nil { member = position - UInt64(Self.blockSize) }
        guard hasChecksum, let length = Self.number(block[124..<136]) else {
            // Two blocks of zeroes end a tar; anything else here is no header.
            state = .rest
            return
        }
        let padded = { (length: UInt64) in (UInt64(Self.blockSize) - length % UInt64(Self.blockSize)) % 512 }
        switch block[156] {
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            guard (1...Self.longestRecords).contains(length) else {
                state = .rest
                return
            }
            records.removeAll(keepingCapacity: true)
            state = .records(length, padding: padded(length))
        case UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K"):
            // They say nothing about lengths.
            guard length < 1 << 60 else {
                state = .rest
                return
            }
            enter(skipping: length + padded(length))
        case UInt8(ascii: "0"), UInt8(ascii: "7"), 0:
            let length = size ?? length
            guard length < 1 << 60 else {
                state = .rest
                return
            }
            if length == 0 || isSparse {
                endMember()
                enter(skipping: length + padded(length))
            } else {
                state = .content(length, padding: padded(length))
            }
        case UInt8(ascii: "2")...UInt8(ascii: "6"):
            // Links, devices, folders and pipes have no content, whatever their length says.
            guard length == 0 else {
                state = .rest
                return
            }
            endMember()
        case UInt8(ascii: "1") where length == 0 && size == nil: endMember()
        default: state = .rest
        }
    }

    /// The sum of the header's bytes, with blanks in its own place (POSIX.1-1988 counts them unsigned).
    private var hasChecksum: Bool {
        guard let stated = Self.number(block[148..<156]) else { return false }
        var sum: UInt64 = 8 * 0x20
        for (index, byte) in block.enumerated() where !(148..<156).contains(index) { sum += UInt64(byte) }
        return sum == stated
    }

    /// Octal digits, or, with the highest bit set, a number of the base 256.
    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            guard first == 0x80, field.dropFirst().prefix(field.count - 9).allSatisfy({ $0 == 0 }) else { return nil }
            return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        var value: UInt64 = 0
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
        for digit in digits {
            guard (0x30...0x37).contains(digit) else { return nil }
            value = value << 3 | UInt64(digit - 0x30)
        }
        return value
    }

    /// Records of the form `length key=value\n`.
    private mutating func readRecords() {
        var rest = records[...]
        while let blank = rest.firstIndex(of: 0x20),
            let length = Int(String(decoding: rest[..<blank], as: UTF8.self)), length > 0, length <= rest.count
        {
            let record = rest[blank...].dropFirst().prefix(length - (blank - rest.startIndex) - 1)
            rest = rest.dropFirst(length)
            guard let sign = record.firstIndex(of: 0x3D) else { continue }
            let key = record[..<sign]
            if key.elementsEqual("size".utf8) {
                let value = record[sign...].dropFirst().prefix { $0 != 0x0A }
                size = UInt64(String(decoding: value, as: UTF8.self))
            } else if key.starts(with: "GNU.sparse.".utf8) {
                isSparse = true
            }
        }
    }
}
