// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dockerfile
import Glibc
import ImageStore
import TandemModel

/// One `COPY` or `ADD`, with its variables replaced (moby's builder/dockerfile/copy.go).
///
/// All calls block.
struct CopyOperation: Sendable {
    typealias Name = LayerOverlay.Name

    /// `COPY` or `ADD`.
    var name: String
    var sources: [String]
    var documents: [HereDocument]
    /// What was fetched from other machines: it is never unpacked.
    var fetched: [FetchedFile] = []
    /// Absolute; ends with a slash if it has to be a folder.
    var target: String
    /// `USER[:GROUP]`; empty for root.
    var owner = ""
    /// Permission bits instead of those of the sources.
    var mode: UInt32?
    /// Whether files keep their owners: those of another image.
    var keepsOwners = false
    /// Paths that are not there.
    var excluded: Set<[Name]> = []
    /// Whether the sources come from the build's context.
    var isFromContext = true

    private var isAdd: Bool { name == "ADD" }

    /// Something to copy.
    private struct Item {
        var entry: SourceEntry
        /// What it is called in a folder.
        var name: Name
    }

    private func failure(_ message: String, hint: String? = nil) -> EngineError {
        EngineError(.invalidArgument, "\(name) failed: \(message)", hint: hint)
    }

    // MARK: Sources

    private func items(in root: Int32) throws(EngineError) -> [Item] {
        var items: [Item] = []
        for source in sources {
            let parts = LayerOverlay.split(source.utf8)
            guard !Self.climbs(parts) else {
                throw failure(
                    "forbidden path outside the build context: \(source) ()",
                    hint: "Copy what is needed into the folder of the Dockerfile.")
            }
            items +=
                source.contains(where: { "*?[".contains($0) })
                ? try matches(parts, in: root) : [try item(parts, source, in: root)]
        }
        guard !items.isEmpty || !documents.isEmpty || !fetched.isEmpty else {
            throw failure("no source files were specified")
        }
        return items
    }

    private static func climbs(_ parts: [Name]) -> Bool {
        var depth = 0
        for part in parts {
            depth += part == Name("..".utf8) ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }

    private func item(_ parts: [Name], _ source: String, in root: Int32) throws(EngineError) -> Item {
        let path = try LayerOverlay.resolve(parts) { path in LayerOverlay.kind(of: path, in: root) }
        guard !excluded.contains(path), let entry = SourceEntry(path, in: root) else {
            let place = isFromContext ? "file not found in build context or excluded by .dockerignore: " : ""
            let shown = String(decoding: LayerOverlay.join(parts), as: UTF8.self)
            throw failure("\(place)stat \(shown): file does not exist")
        }
        return Item(entry: entry, name: parts.last ?? [])
    }

    private func matches(_ pattern: [Name], in root: Int32) throws(EngineError) -> [Item] {
        guard let top = SourceEntry([], in: root) else { return [] }
        var items: [Item] = []
        for entry in try top.all(in: root) where entry.path.count == pattern.count && !excluded.contains(entry.path) {
            let fits = zip(entry.path, pattern).allSatisfy { name, pattern in
                fnmatch(LayerOverlay.text(pattern), LayerOverlay.text(name), 0) == 0
            }
            guard fits, let name = entry.path.last else { continue }
            // A link stands for what it leads to.
            let path = try LayerOverlay.resolve(entry.path) { path in LayerOverlay.kind(of: path, in: root) }
            if let entry = SourceEntry(path, in: root) { items.append(Item(entry: entry, name: name)) }
        }
        return items
    }

    /// What the sources are, in Docker's form: `file:…`, `dir:…` or `multi:…`.
    func digest(of root: Int32) throws(EngineError) -> String {
        var digests: [String] = []
        for item in try items(in: root) {
            var digest = ContentDigest()
            // What a file is called in a folder.
            if !item.entry.isFolder { digest.add(item.name + [0]) }
            for entry in try item.entry.all(in: root) where !excluded.contains(entry.path) {
                try entry.digest(
                    in: root, below: item.entry.path.count, ownersCount: keepsOwners, into: &digest)
            }
            digests.append((item.entry.isFolder ? "dir:" : "file:") + digest.digits)
        }
        digests += fetched.map { "file:\($0.digest)" }
        for document in documents {
            var digest = ContentDigest()
            digest.add(Array("\(document.name)\u{0}\(document.content)".utf8))
            digests.append("file:\(digest.digits)")
        }
        if digests.count == 1 { return digests[0] }
        var digest = ContentDigest()
        digest.add(Array(digests.joined(separator: ",").utf8))
        return "multi:\(digest.digits)"
    }

    // MARK: The layer

    /// Writes the layer that the copy makes on top of an image.
    func write(to overlay: inout LayerOverlay, from root: Int32, image: Int32) throws(EngineError) {
        let owner = owner.isEmpty ? Owner() : try OwnerNames.owner(owner, in: image)
        let items = try items(in: root)
        let isFolder = target.hasSuffix("/")
        guard items.count + documents.count + fetched.count == 1 || isFolder else {
            throw EngineError(
                .invalidArgument,
                "When using \(name) with more than one source file, the destination must be a directory and end with a /"
            )
        }
        let place = try overlay.resolve(LayerOverlay.split(target.utf8))
        for item in items {
            if item.entry.isFolder {
                try copyFolder(item.entry, from: root, to: place, owner, &overlay)
            } else if isAdd, let archive = try archive(item.entry, in: root) {
                defer { close(archive) }
                try makePlace(place, owner, &overlay)
                try unpack(archive, to: place, &overlay)
            } else {
                let path = isFolder || overlay.kind(of: place) == .folder ? place + [item.name] : place
                try overlay.makeFolder(Array(path.dropLast()), owner)
                var names: [UInt64: [Name]] = [:]
                try copy(item.entry, from: root, to: path, owner, &overlay, &names)
            }
        }
        for file in fetched {
            guard !isFolder || !file.name.isEmpty else {
                throw failure("cannot determine filename for source \(file.address)")
            }
            let name = file.name.isEmpty ? "__unnamed__" : file.name
            let path = try self.place(of: name, at: place, owner, &overlay)
            try overlay.addFile(path, metadata(0o600, owner, file.seconds)) {
                (writer, name, metadata) throws(EngineError) in
                lseek(file.descriptor, 0, SEEK_SET)
                try writer.addFile(name, metadata, content: file.descriptor, size: file.size)
            }
        }
        for document in documents {
            let path = try self.place(of: document.name, at: place, owner, &overlay)
            try overlay.addFile(path, metadata(0o644, owner, overlay.time)) {
                (writer, name, metadata) throws(EngineError) in
                try writer.addFile(name, metadata, content: Array(document.content.utf8))
            }
        }
    }

    /// Where a single file comes to lie: in the target if that is a folder.
    private func place(
        of name: String, at place: [Name], _ owner: Owner, _ overlay: inout LayerOverlay
    ) throws(EngineError) -> [Name] {
        let isFolder = target.hasSuffix("/") || overlay.kind(of: place) == .folder
        let path = isFolder ? place + [Name(name.utf8)] : place
        try overlay.makeFolder(Array(path.dropLast()), owner)
        return path
    }

    private func metadata(_ usual: UInt32, _ owner: Owner, _ seconds: Int64) -> LayerTarWriter.Metadata {
        var metadata = LayerTarWriter.Metadata(mode: S_IFREG | (mode ?? usual))
        metadata.owner = owner.user
        metadata.group = owner.group
        metadata.seconds = seconds
        return metadata
    }

    private func makePlace(_ place: [Name], _ owner: Owner, _ overlay: inout LayerOverlay) throws(EngineError) {
        guard overlay.kind(of: place) != .other else {
            throw failure("cannot copy to non-directory: \(String(decoding: LayerOverlay.join(place), as: UTF8.self))")
        }
        try overlay.makeFolder(place, owner)
    }

    private func copyFolder(
        _ folder: SourceEntry, from root: Int32, to place: [Name], _ owner: Owner, _ overlay: inout LayerOverlay
    ) throws(EngineError) {
        try makePlace(place, owner, &overlay)
        var names: [UInt64: [Name]] = [:]
        for entry in try folder.all(in: root).dropFirst() where !excluded.contains(entry.path) {
            let path = place + entry.path.dropFirst(folder.path.count)
            try copy(entry, from: root, to: path, owner, &overlay, &names)
        }
    }

    /// Copies one thing; `names` has the first name of files that have several.
    private func copy(
        _ entry: SourceEntry, from root: Int32, to path: [Name], _ owner: Owner, _ overlay: inout LayerOverlay,
        _ names: inout [UInt64: [Name]]
    ) throws(EngineError) {
        var metadata = try entry.metadata(in: root)
        if !keepsOwners { (metadata.owner, metadata.group) = (owner.user, owner.group) }
        if let mode, entry.type != S_IFLNK { metadata.mode = entry.type | mode }
        switch entry.type {
        case S_IFLNK: try overlay.addLink(path, to: entry.link(in: root), metadata)
        case S_IFREG:
            if entry.status.st_nlink > 1 {
                if let first = names[UInt64(entry.status.st_ino)] {
                    return try overlay.addHardLink(path, to: first, metadata)
                }
                names[UInt64(entry.status.st_ino)] = path
            }
            let file = try entry.open(in: root)
            defer { close(file) }
            try overlay.addFile(path, metadata) { (writer, name, metadata) throws(EngineError) in
                try writer.addFile(name, metadata, content: file, size: Int(entry.status.st_size))
            }
        default: try overlay.add(path, metadata)
        }
    }

    // MARK: Archives

    /// Opens a file if it is an archive.
    private func archive(_ entry: SourceEntry, in root: Int32) throws(EngineError) -> Int32? {
        guard entry.type == S_IFREG else { return nil }
        let file = try entry.open(in: root)
        if MemberReader.isArchive(file) { return file }
        close(file)
        return nil
    }

    /// Members lie where their names lead in the image: through its links, but never out of it.
    private func unpack(_ archive: Int32, to place: [Name], _ overlay: inout LayerOverlay) throws(EngineError) {
        let reader = try MemberReader(archive)
        while let member = try reader.next() {
            guard member.path.count <= 4_096 else {
                throw failure("the archive has a member whose path is longer than 4,096 bytes")
            }
            let parts = LayerOverlay.split(member.path)
            guard !Self.climbs(parts) else {
                throw failure(
                    "the archive's member '\(String(decoding: member.path, as: UTF8.self))' lies outside of it")
            }
            guard let last = parts.last else { continue }
            let path = try overlay.resolve(place + parts.dropLast(), making: Owner()) + [last]
            if let link = member.hardLink {
                let target = LayerOverlay.split(link)
                guard let name = target.last else { throw failure("the archive has a link to nothing") }
                try overlay.addHardLink(
                    path, to: try overlay.resolve(place + target.dropLast()) + [name], member.metadata)
            } else if let link = member.link {
                try overlay.addLink(path, to: link, member.metadata)
            } else if member.metadata.mode & S_IFMT == S_IFREG {
                try overlay.addFile(path, member.metadata) { (writer, name, metadata) throws(EngineError) in
                    var described = member
                    described.metadata = metadata
                    try reader.write(to: writer, as: name, described)
                }
            } else if member.metadata.mode & S_IFMT != S_IFSOCK {
                try overlay.add(path, member.metadata)
            }
        }
    }
}
