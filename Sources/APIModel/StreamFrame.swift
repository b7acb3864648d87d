// SPDX-License-Identifier: Apache-2.0

/// Docker's way to send two streams over one connection (api/pkg/stdcopy): stream number, three zero bytes, big-endian
/// length, then so many bytes.
public enum StreamFrame {
    /// Which stream a piece belongs to.
    public enum Stream: UInt8, Sendable {
        /// Standard input; never sent.
        case input = 0
        /// Standard output.
        case output = 1
        /// Standard error.
        case errors = 2
        /// Not a stream: a JSON document of Tandem's own calls, such as the end of a process.
        case control = 4
    }

    /// A piece with its header.
    public static func encode(_ stream: Stream, _ bytes: [UInt8]) -> [UInt8] {
        let length = UInt32(bytes.count)
        var frame: [UInt8] = [stream.rawValue, 0, 0, 0]
        frame.reserveCapacity(bytes.count + 8)
        for shift in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: length >> UInt32(shift))) }
        return frame + bytes
    }
}

/// Cuts what arrives into pieces.
public struct StreamFrameDecoder: Sendable {
    private var buffer: [UInt8] = []
    private var consumed = 0

    /// Begins at a header.
    public init() {}

    /// Takes what has arrived.
    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if consumed > 65_536 {
            buffer.removeFirst(consumed)
            consumed = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole piece; `nil` if more has to arrive.
    public mutating func next() -> (stream: StreamFrame.Stream, bytes: [UInt8])? {
        guard buffer.count - consumed >= 8 else { return nil }
        var length = 0
        for offset in 4..<8 { length = length << 8 | Int(buffer[consumed + offset]) }
        guard buffer.count - consumed - 8 >= length else { return nil }
        let stream = StreamFrame.Stream(rawValue: buffer[consumed]) ?? .output
        let begin = consumed + 8
        consumed = begin + length
        let bytes = Array(buffer[begin..<consumed])
        if consumed == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            consumed = 0
        }
        return (stream, bytes)
    }
}
