// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import ImageStore
import TandemModel

/// A layer in the making on top of an image: what is written looks at both, and paths are resolved in them alone.
///
/// A layer must have all folders on the way to what it has, as they are in the image: whoever unpacks it makes those that
/// are missing as it likes. All calls block.
struct LayerOverlay {
    typealias Name = [UInt8]

    /// What is at a path.
    enum Kind: Equatable {
        case folder
        case link(Name)
        case other
    }

    /// The image's root; -1 for the empty image.
    private let image: Int32
    private let writer: LayerTarWriter
    /// The time of what is made here.
    let time: Int64
    /// Nothing is younger than this.
    private let latest: Int64
    /// What has been added: a tree, in which each folder is that all the way up.
    private var nodes = [Node(kind: .folder)]
    private static let mostLinks = 40
    /// As deep as a path of 4,096 bytes can lead.
    private static let deepest = 2_048

    private struct Node {
        var kind: Kind
        var children: [Name: Int] = [:]
    }

    private enum Place {
        case added(Int)
        /// Something that was added and is no folder stands on the way.
        case hidden
        /// Only so many parts of the path were added.
        case known(Int)
    }

    init(image: Int32, writer: LayerTarWriter, time: Int64, latest: Int64) {
        self.image = image
        self.writer = writer
        self.time = time
        self.latest = latest
    }

    static func split(_ path: some Collection<UInt8>) -> [Name] {
        path.split(separator: 0x2F).filter { !$0.elementsEqual(".".utf8) }.map { Name($0) }
    }

    static func join(_ path: [Name]) -> Name { Name(path.joined(separator: [0x2F])) }

    // MARK: Finding

    /// What is at a path without links in it.
    func kind(of path: [Name]) -> Kind? {
        if path.isEmpty { return .folder }
        switch place(of: path) {
        case .added(let index): return nodes[index].kind
        case .hidden: return nil
        case .known: return image < 0 ? nil : Self.kind(of: path, in: image)
        }
    }

    private func place(of path: some Collection<Name>) -> Place {
        var current = 0
        for (depth, name) in path.enumerated() {
            guard nodes[current].kind == .folder else { return .hidden }
            guard let next = nodes[current].children[name] else { return .known(depth) }
            current = next
        }
        return .added(current)
    }

    /// What is at a path without links in it, in a tree.
    static func kind(of path: [Name], in root: Int32) -> Kind? {
        if path.isEmpty { return .folder }
        var status = stat()
        let name = text(join(path))
        guard fstatat(root, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFLNK:
            var target = [CChar](repeating: 0, count: 4_096)
            let count = readlinkat(root, name, &target, target.count)
            return .link(target.prefix(max(0, count)).map { UInt8(bitPattern: $0) })
        default: return .other
        }
    }

    /// A path without links in it that leads to the same place.
    ///
    /// What is missing stays as it is, or is made as folders if `making` says whose they are.
    mutating func resolve(_ path: [Name], making owner: Owner? = nil) throws(EngineError) -> [Name] {
        let resolved = try Self.resolve(path) { path in kind(of: path) }
        if let owner { try makeFolder(resolved, owner) }
        return resolved
    }

    /// The same in any tree.
    static func resolve(_ path: [Name], _ look: ([Name]) -> Kind?) throws(EngineError) -> [Name] {
        var pending = Array(path.reversed())
        var current: [Name] = []
        var links = mostLinks
        while let name = pending.popLast() {
            if name == Name("..".utf8) {
                _ = current.popLast()
                continue
            }
            let inner = current + [name]
            guard inner.count <= deepest else { throw failure("file name too long", inner) }
            switch look(inner) {
            case .folder, nil: current = inner
            case .link(let target):
                links -= 1
                guard links >= 0 else { throw failure("too many levels of symbolic links", inner) }
                if target.first == 0x2F { current = [] }
                pending += split(target).reversed()
            case .other:
                guard pending.isEmpty else { throw failure("not a directory", inner) }
                return inner
            }
        }
        return current
    }

    static func failure(_ what: String, _ path: [Name]) -> EngineError {
        EngineError(.invalidArgument, "/\(String(decoding: join(path).prefix(200), as: UTF8.self)): \(what)")
    }

    static func text(_ path: Name) -> [CChar] { (path.isEmpty ? [0x2E] : path).map { CChar(bitPattern: $0) } + [0] }

    // MARK: Adding

    /// Makes a folder with those that it is in.
    mutating func makeFolder(_ path: [Name], _ owner: Owner) throws(EngineError) {
        guard kind(of: path) != .folder else { return }
        var metadata = LayerTarWriter.Metadata(mode: S_IFDIR | 0o755)
        metadata.owner = owner.user
        metadata.group = owner.group
        metadata.seconds = time
        for count in 1...path.count {
            let folder = Array(path.prefix(count))
            if kind(of: folder) != .folder { try add(folder, metadata) }
        }
    }

    /// Adds a folder, device or pipe.
    mutating func add(_ path: [Name], _ metadata: LayerTarWriter.Metadata) throws(EngineError) {
        try prepare(path)
        let isFolder = metadata.mode & S_IFMT == S_IFDIR
        try writer.add(Self.join(path) + (isFolder ? [0x2F] : []), clamped(metadata))
        put(path, isFolder ? .folder : .other)
    }

    mutating func addLink(_ path: [Name], to target: Name, _ metadata: LayerTarWriter.Metadata) throws(EngineError) {
        try prepare(path)
        try writer.addLink(Self.join(path), to: target, clamped(metadata))
        put(path, .link(target))
    }

    mutating func addHardLink(
        _ path: [Name], to target: [Name], _ metadata: LayerTarWriter.Metadata
    ) throws(EngineError) {
        guard case .added(let index) = place(of: target), nodes[index].kind != .folder else {
            throw Self.failure("a hard link to what the layer does not have", path)
        }
        guard target != path else { return }
        let kind = nodes[index].kind
        try prepare(path)
        try writer.addHardLink(Self.join(path), to: Self.join(target), clamped(metadata))
        put(path, kind)
    }

    /// Adds a file whose content `write` sends to the writer, under the name that it is given.
    mutating func addFile(
        _ path: [Name], _ metadata: LayerTarWriter.Metadata,
        _ write: (LayerTarWriter, Name, LayerTarWriter.Metadata) throws(EngineError) -> Void
    ) throws(EngineError) {
        try prepare(path)
        try write(writer, Self.join(path), clamped(metadata))
        put(path, .other)
    }

    private mutating func put(_ path: some Collection<Name>, _ kind: Kind) {
        var current = 0
        for name in path {
            if let next = nodes[current].children[name] {
                current = next
                continue
            }
            nodes[current].children[name] = nodes.count
            current = nodes.count
            nodes.append(Node(kind: .folder))
        }
        nodes[current].kind = kind
        if kind != .folder { nodes[current].children = [:] }
    }

    private func clamped(_ metadata: LayerTarWriter.Metadata) -> LayerTarWriter.Metadata {
        var metadata = metadata
        metadata.seconds = min(metadata.seconds, latest)
        return metadata
    }

    /// Writes down the image's folders on the way to a path.
    private mutating func prepare(_ path: [Name]) throws(EngineError) {
        guard !path.isEmpty else { throw Self.failure("the root cannot be replaced", path) }
        guard case .known(let depth) = place(of: path.dropLast()) else { return }
        for count in (depth + 1)..<path.count {
            let folder = Array(path.prefix(count))
            guard image >= 0, let entry = SourceEntry(folder, in: image) else {
                throw Self.failure("no such folder", folder)
            }
            try writer.add(Self.join(folder) + [0x2F], clamped(try entry.metadata(in: image)))
            put(folder, .folder)
        }
    }
}

/// Who shall own what is made.
struct Owner: Equatable {
    var user: UInt32 = 0
    var group: UInt32 = 0
}
