// SPDX-License-Identifier: Apache-2.0

/// What changes in the network of a workload that runs.
public struct NetworkChange: Sendable, Equatable {
    /// Interfaces that are there and are to be set up; those that are set up already get what they lack.
    public var interfaces: [NetworkInterface] = []
    /// What changes in the workload's files.
    public var files: [LineChange] = []

    /// Nothing.
    public init() {}

    /// The change as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(interfaces) { writer, interface in interface.encode(into: &writer) }
        writer.write(files) { writer, file in
            writer.write(file.path)
            writer.write(file.old)
            writer.write(file.new)
        }
        return writer.bytes
    }

    /// Reads a change from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        self.init()
        interfaces = try reader.list { reader throws(DecodingFailure) in try NetworkInterface(from: &reader) }
        files = try reader.list { reader throws(DecodingFailure) in
            LineChange(path: try reader.string(), old: try reader.string(), new: try reader.string())
        }
        try reader.finish()
    }
}

/// Lines of a file of the workload's that give way to others.
public struct LineChange: Sendable, Equatable {
    /// The file, in the workload's root.
    public var path: Bytes
    /// Whole lines; empty for the file's end.
    ///
    /// Where they do not stand any more, the file is the workload's own affair.
    public var old: Bytes
    /// What comes in their place.
    public var new: Bytes

    /// Describes a change.
    public init(path: Bytes, old: Bytes, new: Bytes) {
        self.path = path
        self.old = old
        self.new = new
    }

    /// The file's content after the change; `nil` if it stays.
    public func applied(to content: Bytes) -> Bytes? {
        guard old != new else { return nil }
        guard !old.isEmpty else {
            let isWhole = content.isEmpty || content.last == 0x0A
            return content + (isWhole ? [] : [0x0A]) + new
        }
        guard content.count >= old.count else { return nil }
        for start in 0...(content.count - old.count) where start == 0 || content[start - 1] == 0x0A {
            let end = start + old.count
            if Bytes(content[start..<end]) == old { return Bytes(content[..<start]) + new + Bytes(content[end...]) }
        }
        return nil
    }
}
