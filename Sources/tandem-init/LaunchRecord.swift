// SPDX-License-Identifier: Apache-2.0
import CLinux

/// What a child says to its launcher over a close-on-exec pipe: records of one size, written at once; end-of-file
/// means that execve has succeeded.
struct LaunchRecord {
    enum Kind: UInt8 {
        /// Everything but the execution is done.
        case ready = 1
        /// The launch has failed.
        case failure = 2
        /// The pid of a process that was launched for the launcher.
        case process = 3
    }

    /// At most PIPE_BUF, so that a write is atomic.
    static let size = 512

    var kind: Kind
    var step: LaunchFailure.Step = .clone
    var number: Int32 = 0
    var time: UInt64 = 0
    var object = Bytes()

    func send(_ descriptor: Int32) {
        var writer = ByteWriter()
        let text = Bytes(object.prefix(Self.size - 20))
        writer.write(kind.rawValue)
        writer.write(step.rawValue)
        writer.write(number)
        writer.write(time)
        writer.write(text)
        let record = writer.bytes + Bytes(repeating: 0, count: Self.size - writer.bytes.count)
        _ = writeAll(descriptor, record)
    }

    static func receive(_ descriptor: Int32) -> LaunchRecord? {
        var bytes = Bytes(repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + filled }, size - filled) }
            if count < 0 && tandem_errno() == EINTR { continue }
            if count <= 0 { return nil }
            filled += count
        }
        return try? decode(bytes)  // The writer is this same program; a record that cannot be read ends the report.
    }

    private static func decode(_ bytes: Bytes) throws(DecodingFailure) -> LaunchRecord {
        var reader = ByteReader(bytes)
        guard let kind = Kind(rawValue: try reader.number()) else { throw .unknownValue }
        guard let step = LaunchFailure.Step(rawValue: try reader.number()) else { throw .unknownValue }
        return LaunchRecord(
            kind: kind, step: step, number: try reader.number(), time: try reader.number(),
            object: try reader.string())
    }
}
