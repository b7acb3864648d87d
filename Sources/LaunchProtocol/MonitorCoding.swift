// SPDX-License-Identifier: Apache-2.0

extension MonitorPlan {
    /// The plan as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(launchProtocolVersion)
        writer.write(socketPath)
        writer.write(exitRecordPath)
        writer.write(logPath)
        writer.write(logMaximumSize)
        writer.write(logMaximumFiles)
        writer.write(logAttributes)
        writer.write(guestChannelPath)
        writer.write(guestDeadline)
        writer.write(standardInputOnce)
        launch.encode(into: &writer)
        return writer.bytes
    }

    /// Reads a plan from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        guard try reader.number(UInt8.self) == launchProtocolVersion else { throw .wrongVersion }
        self.init()
        socketPath = try reader.string()
        exitRecordPath = try reader.string()
        logPath = try reader.string()
        logMaximumSize = try reader.number()
        logMaximumFiles = try reader.number()
        logAttributes = try reader.string()
        guestChannelPath = try reader.string()
        guestDeadline = try reader.number()
        standardInputOnce = try reader.bool()
        launch = try LaunchPlan(from: &reader)
        try reader.finish()
    }
}

extension LaunchFailure {
    /// The failure as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(step.rawValue)
        writer.write(errno)
        writer.write(object)
        return writer.bytes
    }

    /// Reads a failure from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        guard let step = Step(rawValue: try reader.number()) else { throw .unknownValue }
        self.init(step, errno: try reader.number(), object: try reader.string())
        try reader.finish()
    }
}

extension ExitRecord {
    /// The record as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(code)
        writer.write(time)
        writer.write(monotonic)
        writer.write(outOfMemory)
        writer.write(guestLost)
        return writer.bytes
    }

    /// Reads a record from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        self.init(
            code: try reader.number(), time: try reader.number(), monotonic: try reader.number(),
            outOfMemory: try reader.bool(), guestLost: try reader.bool())
        try reader.finish()
    }
}

extension GuestUsage {
    /// The usage as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        for value in [
            memoryTotal, memoryFree, memoryAvailable, pageCache, slab, pageTables, kernelMemory, writableUsed, cpuTime,
        ] {
            writer.write(value)
        }
        writer.write(kernelRelease)
        return writer.bytes
    }

    /// Reads a usage from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        self.init()
        memoryTotal = try reader.number()
        memoryFree = try reader.number()
        memoryAvailable = try reader.number()
        pageCache = try reader.number()
        slab = try reader.number()
        pageTables = try reader.number()
        kernelMemory = try reader.number()
        writableUsed = try reader.number()
        cpuTime = try reader.number()
        kernelRelease = try reader.string()
        try reader.finish()
    }
}

/// The processes of a workload as one message.
public struct ProcessTable: Sendable, Equatable {
    /// The processes, in the order of their ids.
    public var rows: [ProcessRow]
    /// Nanoseconds since the executor's kernel began, when the rows were read.
    public var uptime: UInt64
    /// Nanoseconds since 1970 at the same moment.
    public var time: UInt64
    /// Bytes of memory that the executor's kernel has.
    public var memory: UInt64

    /// Describes a table.
    public init(rows: [ProcessRow], uptime: UInt64 = 0, time: UInt64 = 0, memory: UInt64 = 0) {
        self.rows = rows
        self.uptime = uptime
        self.time = time
        self.memory = memory
    }

    /// The table as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(rows) { writer, row in
            writer.write(row.pid)
            writer.write(row.uid)
            writer.write(row.gid)
            writer.write(row.statistics)
            writer.write(row.command)
        }
        writer.write(uptime)
        writer.write(time)
        writer.write(memory)
        return writer.bytes
    }

    /// Reads a table from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        rows = try reader.list { reader throws(DecodingFailure) in
            ProcessRow(
                pid: try reader.number(), uid: try reader.number(), gid: try reader.number(),
                statistics: try reader.string(), command: try reader.string())
        }
        uptime = try reader.number()
        time = try reader.number()
        memory = try reader.number()
        try reader.finish()
    }
}
