// SPDX-License-Identifier: Apache-2.0

extension Frame {
    /// The frame as it goes on the wire.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(UInt32(payload.count))
        writer.write(kind.rawValue)
        for _ in 0..<3 { writer.write(UInt8(0)) }
        writer.write(process)
        var bytes = writer.bytes
        bytes += payload
        return bytes
    }
}

/// Cuts a stream of bytes into frames.
public struct FrameDecoder: Sendable {
    private var buffer: Bytes = []
    private var consumed = 0

    /// Whether the stream was found to be no sequence of frames; nothing more comes out of it.
    public private(set) var isBroken = false

    /// Begins at a frame's border.
    public init() {}

    /// Takes what has arrived.
    public mutating func append(_ bytes: some Sequence<UInt8>) { buffer += bytes }

    /// The next whole frame.
    ///
    /// - Returns: `nil` if more bytes are needed.
    /// - Throws: `.malformed` for an oversized payload, `.unknownValue` for an unknown kind; the stream is then useless.
    public mutating func next() throws(DecodingFailure) -> Frame? {
        do {
            return try cut()
        } catch {
            isBroken = true
            throw error
        }
    }

    private mutating func cut() throws(DecodingFailure) -> Frame? {
        guard buffer.count - consumed >= Frame.headerSize else { return nil }
        let length = Int(number(at: 0))
        guard length <= Frame.maximumPayload else { throw .malformed }
        guard let kind = Frame.Kind(rawValue: buffer[consumed + 4]) else { throw .unknownValue }
        let process = number(at: 8)
        let begin = consumed + Frame.headerSize
        guard buffer.count - begin >= length else { return nil }
        let payload = Bytes(buffer[begin..<(begin + length)])
        consumed = begin + length
        compact()
        return Frame(kind, process: process, payload: payload)
    }

    private func number(at offset: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<4 { value |= UInt32(buffer[consumed + offset + index]) << UInt32(8 * index) }
        return value
    }

    /// Gives memory back only now and then, so that many small frames do not move the rest each time.
    private mutating func compact() {
        if consumed == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 65_536)
            consumed = 0
        } else if consumed > 65_536 {
            buffer.removeFirst(consumed)
            consumed = 0
        }
    }
}
