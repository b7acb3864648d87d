// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// The members of a layer as a tree in memory, out of which none of them can reach.
///
/// Links in it lead back into it, as for openat2(2) with `RESOLVE_IN_ROOT`. Names are bytes, as on Linux. What is in the
/// tree never touches the host's file systems: only the content of files goes into the layer's own file as it comes.
struct LayerTree {
    typealias Name = [UInt8]

    /// What a node is besides its metadata.
    enum Content {
        /// Its folder's index.
        case folder(Int)
        /// Where the bytes lie.
        case file(ErofsFile.Content)
        /// Where a symbolic link points.
        case link(Name)
        /// A device by its number; a named pipe has none.
        case device(UInt32)
    }

    /// Something that has a name, or several.
    struct Node {
        /// Type and permission bits.
        var mode: UInt32
        var owner: UInt32 = 0
        var group: UInt32 = 0
        var seconds: Int64 = 0
        var nanoseconds: UInt32 = 0
        /// How many names it has.
        var links: UInt32 = 1
        var attributes: [Name: [UInt8]] = [:]
        var content: Content
        /// Its number in the layer's file; 0 until it is written.
        var number: UInt64 = 0

        /// The character device 0:0, by which overlayfs hides what lower layers have.
        var isWhiteout: Bool {
            if case .device(0) = content { mode & FileType.mask == FileType.characters } else { false }
        }
    }

    /// The names in a folder.
    struct Folder {
        /// The folder above; the root's own.
        var parent: Int
        var node: Int
        var depth: Int
        var children: [Name: Int] = [:]
    }

    /// Type bits of a mode.
    enum FileType {
        static let mask: UInt32 = 0o170_000
        static let file: UInt32 = 0o100_000
        static let folder: UInt32 = 0o040_000
        static let characters: UInt32 = 0o020_000
        static let blocks: UInt32 = 0o060_000
        static let pipe: UInt32 = 0o010_000
        static let socket: UInt32 = 0o140_000
        static let link: UInt32 = 0o120_000
    }

    static let root = 0
    /// As deep as a path of 4,096 bytes can lead.
    private static let deepest = 2_048
    /// As many links as the kernel follows in one path.
    private static let mostLinks = 40

    // Indexes instead of references: a tree of any shape costs no recursion when it goes.
    var nodes: [Node]
    var folders: [Folder]
    /// How much memory the tree may still take: an archive of a few MiB can hold more members than a host can.
    private var budget: Int
    /// The folder of the last member: most members follow a neighbour.
    private var lastPath: (path: Name, folder: Int)?

    /// Whether names that begin with `.wh.` hide something, or are names like any other.
    let takesWhiteouts: Bool

    init(memory: Int = 1 << 30, takesWhiteouts: Bool = true) {
        budget = memory
        self.takesWhiteouts = takesWhiteouts
        nodes = [Node(mode: FileType.folder | 0o755, content: .folder(Self.root))]
        folders = [Folder(parent: Self.root, node: 0, depth: 0)]
    }

    /// Whether it says nothing at all, not even about its root.
    var isEmpty: Bool { nodes.count == 1 && nodes[0].attributes.isEmpty }

    // MARK: Paths

    /// The parts of a member's name; `nil` if it climbs.
    static func components(of name: some Collection<UInt8>) -> [Name]? {
        var parts: [Name] = []
        for part in name.split(separator: 0x2F) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { return nil }
            parts.append(Name(part))
        }
        return parts
    }

    /// Finds a folder, following links.
    ///
    /// - Returns: `nil` if it is not there, or is none.
    func folder(at components: [Name], from start: Int = root) -> Int? {
        var budget = Self.mostLinks
        return resolve(components, from: start, &budget)
    }

    private func resolve(_ components: [Name], from start: Int, _ budget: inout Int) -> Int? {
        var current = start
        var pending = Array(components.reversed())
        while let name = pending.popLast() {
            if name == Array("..".utf8) {
                current = folders[current].parent
                continue
            }
            guard let node = folders[current].children[name] else { return nil }
            switch nodes[node].content {
            case .folder(let index): current = index
            case .link(let target):
                budget -= 1
                guard budget >= 0 else { return nil }
                if target.first == 0x2F { current = Self.root }
                pending += Self.linkComponents(target).reversed()
            case .file, .device: return nil
            }
        }
        return current
    }

    private static func linkComponents(_ target: Name) -> [Name] {
        target.split(separator: 0x2F).filter { !$0.elementsEqual(".".utf8) }.map { Name($0) }
    }

    /// The file that a path leads to, following links.
    func file(at path: String) -> Node? {
        var parts = Self.linkComponents(Name(path.utf8))
        var current = Self.root
        for _ in 0...Self.mostLinks {
            guard let last = parts.popLast(), let folder = folder(at: parts, from: current),
                let node = folders[folder].children[last]
            else { return nil }
            switch nodes[node].content {
            case .file: return nodes[node]
            case .link(let target):
                current = target.first == 0x2F ? Self.root : folder
                parts = Self.linkComponents(target)
            case .folder, .device: return nil
            }
        }
        return nil
    }

    /// The folder of a member, made with its own parents where the archive has not named them.
    mutating func makeFolder(at components: [Name], path: Name) throws(EngineError) -> Int {
        if let lastPath, lastPath.path == path { return lastPath.folder }
        var current = Self.root
        for name in components { current = try enterOrMake(name, in: current) }
        lastPath = (path, current)
        return current
    }

    private mutating func enterOrMake(_ name: Name, in folder: Int) throws(EngineError) -> Int {
        var made = Node(mode: FileType.folder | 0o755, content: .folder(Self.root))
        if let node = folders[folder].children[name] {
            if case .folder(let index) = nodes[node].content { return index }
            // What stands there and leads to no folder goes: the later member wins, as for any other name.
            if let index = self.folder(at: [name], from: folder) { return index }
            if nodes[node].isWhiteout { made.attributes[Self.opaque] = Self.yes }
        }
        return try addFolder(name, in: folder, made)
    }

    // MARK: Changing

    /// Puts a node in the place of whatever had its name.
    ///
    /// - Throws: `.corruptData` for a name that no file system takes.
    mutating func add(_ name: Name, in folder: Int, _ node: Node) throws(EngineError) {
        budget -= MemoryLayout<Node>.stride + MemoryLayout<Folder>.stride
        for (name, value) in node.attributes { budget -= 64 + name.count + value.count }
        if case .link(let target) = node.content { budget -= target.count }
        try put(nodes.count, as: name, in: folder)
        nodes.append(node)
    }

    private mutating func put(_ node: Int, as name: Name, in folder: Int) throws(EngineError) {
        guard name.count <= ErofsFormat.longestName else {
            throw EngineError(
                .corruptData, "the archive's member '\(Self.shown(name))' has a name longer than 255 bytes")
        }
        // A name, and its place in the folder's table.
        budget -= 96 + name.count
        guard budget >= 0 else {
            throw EngineError(
                .resourceExhausted, "the archive has more members than a layer may have: several millions",
                hint: "Divide it into several layers.")
        }
        clear(name, in: folder)
        folders[folder].children[name] = node
    }

    /// Puts an empty folder in the place of whatever had its name.
    mutating func addFolder(_ name: Name, in parent: Int, _ node: Node) throws(EngineError) -> Int {
        guard folders[parent].depth < Self.deepest else {
            throw EngineError(.corruptData, "the archive's folders lie deeper in each other than any path leads")
        }
        var node = node
        node.content = .folder(folders.count)
        try add(name, in: parent, node)
        folders.append(Folder(parent: parent, node: nodes.count - 1, depth: folders[parent].depth + 1))
        return folders.count - 1
    }

    /// Gives a node a further name.
    mutating func link(_ node: Int, as name: Name, in folder: Int) throws(EngineError) {
        guard folders[folder].children[name] != node else { return }
        try put(node, as: name, in: folder)
        nodes[node].links += 1
    }

    /// Removes what an earlier member has left under a name.
    private mutating func clear(_ name: Name, in folder: Int) {
        guard let removed = folders[folder].children.removeValue(forKey: name) else { return }
        var pending = [removed]
        while let node = pending.popLast() {
            switch nodes[node].content {
            case .folder(let index):
                pending += folders[index].children.values
                folders[index].children = [:]
                lastPath = nil
            case .link: lastPath = nil
            case .file, .device: break
            }
            nodes[node].links -= 1
        }
    }

    /// A name as it can be shown.
    static func shown(_ name: some Sequence<UInt8>) -> String { String(decoding: Array(name), as: UTF8.self) }
}
