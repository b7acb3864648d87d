// SPDX-License-Identifier: Apache-2.0

/// The version of all messages; monitor, agent and engine of one build always agree, others are refused.
public let launchProtocolVersion: UInt8 = 2

extension LaunchPlan {
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
        writer.write(storage) { $1.encode(into: &$0) }
        writer.write(namespaces.rawValue)
        writer.write(joined) { writer, entry in
            writer.write(entry.namespace.rawValue)
            writer.write(entry.process)
        }
        writer.write(leavesCgroupNamespace)
        writer.write(userMappings) { $1.encode(into: &$0) }
        writer.write(groupMappings) { $1.encode(into: &$0) }
        writer.write(cgroup.unifiedDirectory)
        writer.write(cgroup.legacyDirectories) { $0.write($1) }
        writer.write(cgroup.isMadeByExecutor)
        writer.write(cgroup.processLimit)
        root.encode(into: &writer)
        writer.write(mounts) { $1.encode(into: &$0) }
        writer.write(devices) { $1.encode(into: &$0) }
        writer.write(links) { writer, link in
            writer.write(link.path)
            writer.write(link.target)
        }
        writer.write(files) { writer, file in
            writer.write(file.path)
            writer.write(file.mode)
            writer.write(file.content)
        }
        writer.write(sysctls) { writer, sysctl in
            writer.write(sysctl.name)
            writer.write(sysctl.value)
        }
        writer.write(maskedPaths) { $0.write($1) }
        writer.write(readOnlyPaths) { $0.write($1) }
        writer.write(hostname)
        writer.write(domainname)
        writer.write(bringLoopbackUp)
        writer.write(networkDescriptor)
        writer.write(interfaces) { $1.encode(into: &$0) }
        process.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        storage = try reader.list { reader throws(DecodingFailure) in try MountStep(from: &reader) }
        namespaces = NamespaceSet(rawValue: try reader.number())
        joined = try reader.list { reader throws(DecodingFailure) in
            JoinedNamespace(namespace: NamespaceSet(rawValue: try reader.number()), process: try reader.number())
        }
        leavesCgroupNamespace = try reader.bool()
        userMappings = try reader.list { reader throws(DecodingFailure) in try IdentityMapping(from: &reader) }
        groupMappings = try reader.list { reader throws(DecodingFailure) in try IdentityMapping(from: &reader) }
        cgroup.unifiedDirectory = try reader.string()
        cgroup.legacyDirectories = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        cgroup.isMadeByExecutor = try reader.bool()
        cgroup.processLimit = try reader.number()
        root = try RootPlan(from: &reader)
        mounts = try reader.list { reader throws(DecodingFailure) in try MountStep(from: &reader) }
        devices = try reader.list { reader throws(DecodingFailure) in try DeviceNode(from: &reader) }
        links = try reader.list { reader throws(DecodingFailure) in
            SymbolicLink(path: try reader.string(), target: try reader.string())
        }
        files = try reader.list { reader throws(DecodingFailure) in
            FileContent(path: try reader.string(), mode: try reader.number(), content: try reader.string())
        }
        sysctls = try reader.list { reader throws(DecodingFailure) in
            Sysctl(name: try reader.string(), value: try reader.string())
        }
        maskedPaths = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        readOnlyPaths = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        hostname = try reader.string()
        domainname = try reader.string()
        bringLoopbackUp = try reader.bool()
        networkDescriptor = try reader.number()
        interfaces = try reader.list { reader throws(DecodingFailure) in try NetworkInterface(from: &reader) }
        process = try ProcessPlan(from: &reader)
    }
}

extension IdentityMapping {
    func encode(into writer: inout ByteWriter) {
        writer.write(inside)
        writer.write(outside)
        writer.write(count)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(inside: try reader.number(), outside: try reader.number(), count: try reader.number())
    }
}

extension RootPlan {
    func encode(into writer: inout ByteWriter) {
        writer.write(layers) { $0.write($1) }
        writer.write(upper)
        writer.write(work)
        writer.write(mountPoint)
        writer.write(readOnly)
        writer.write(discardable)
        writer.write(propagation)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        layers = try reader.list { reader throws(DecodingFailure) in try reader.string() }
        upper = try reader.string()
        work = try reader.string()
        mountPoint = try reader.string()
        readOnly = try reader.bool()
        discardable = try reader.bool()
        propagation = try reader.number()
    }
}

extension MountStep {
    func encode(into writer: inout ByteWriter) {
        writer.write(source)
        writer.write(sourceKind.rawValue)
        writer.write(target)
        writer.write(fileSystem)
        writer.write(flags)
        writer.write(propagation)
        writer.write(options)
        writer.write(targetIsFile)
        writer.write(optional)
        writer.write(below.rawValue)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let source = try reader.string()
        guard let sourceKind = SourceKind(rawValue: try reader.number()) else { throw .unknownValue }
        self.init(
            source: source, sourceKind: sourceKind, target: try reader.string(), fileSystem: try reader.string(),
            flags: try reader.number(), propagation: try reader.number(), options: try reader.string(),
            targetIsFile: try reader.bool(), optional: try reader.bool())
        guard let below = MountsBelow(rawValue: try reader.number()) else { throw .unknownValue }
        self.below = below
    }
}

extension DeviceNode {
    func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(mode)
        writer.write(major)
        writer.write(minor)
        writer.write(uid)
        writer.write(gid)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            path: try reader.string(), mode: try reader.number(), major: try reader.number(),
            minor: try reader.number(), uid: try reader.number(), gid: try reader.number())
    }
}
