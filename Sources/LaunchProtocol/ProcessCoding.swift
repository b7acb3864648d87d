// SPDX-License-Identifier: Apache-2.0

extension ProcessPlan {
    /// The plan as one message.
    public func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(launchProtocolVersion)
        encode(into: &writer)
        return writer.bytes
    }

    /// Reads a plan from one message.
    public init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        guard try reader.number(UInt8.self) == launchProtocolVersion else { throw .wrongVersion }
        try self.init(from: &reader)
        try reader.finish()
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(arguments) { $0.write($1) }
        writer.write(environment) { $0.write($1) }
        writer.write(workingDirectory)
        writer.write(user)
        writer.write(additionalGroups) { $0.write($1) }
        writer.write(boundingCapabilities)
        writer.write(permittedCapabilities)
        writer.write(inheritableCapabilities)
        writer.write(ambientCapabilities)
        writer.write(noNewPrivileges)
        writer.write(seccomp)
        writer.write(seccompFlags)
        writer.write(resourceLimits) { writer, limit in
            writer.write(limit.resource)
            writer.write(limit.soft)
            writer.write(limit.hard)
        }
        writer.write(outOfMemoryScoreAdjustment)
        writer.write(umask)
        writer.write(terminal)
        writer.write(rows)
        writer.write(columns)
        writer.write(openStandardInput)
        writer.write(runInit)
        writer.write(program.rawValue)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        arguments = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        environment = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        workingDirectory = try reader.string()
        user = try reader.string()
        additionalGroups = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        boundingCapabilities = try reader.number()
        permittedCapabilities = try reader.number()
        inheritableCapabilities = try reader.number()
        ambientCapabilities = try reader.number()
        noNewPrivileges = try reader.bool()
        seccomp = try reader.string()
        seccompFlags = try reader.number()
        resourceLimits = try reader.list { reader throws(DecodingFailure) in
            ResourceLimit(resource: try reader.number(), soft: try reader.number(), hard: try reader.number())
        }
        outOfMemoryScoreAdjustment = try reader.number()
        umask = try reader.number()
        terminal = try reader.bool()
        rows = try reader.number()
        columns = try reader.number()
        openStandardInput = try reader.bool()
        runInit = try reader.bool()
        guard let program = Program(rawValue: try reader.number()) else { throw .unknownValue }
        self.program = program
    }
}
