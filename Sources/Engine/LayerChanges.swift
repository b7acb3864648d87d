// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LaunchProtocol
import TandemModel

/// One path that differs from the image.
public struct FileChange: Sendable, Hashable {
    /// Docker's numbers.
    public enum Kind: Int, Sendable {
        /// Content or metadata.
        case modified = 0
        /// Not in the image.
        case added = 1
        /// Only in the image.
        case deleted = 2
    }

    /// Absolute.
    public var path: String
    /// What has happened to it.
    public var kind: Kind
}

/// Compares a workload's writable layer with its image as dockerd compares whole roots (pkg/archive/changes.go).
///
/// A folder counts as modified if something in it does.
struct LayerChanges {
    typealias Path = Bytes

    /// What the engine makes in every root, and what Docker therefore does not show.
    struct Generated {
        /// Files and links.
        var paths: Set<Path> = []
        /// Folders on which something is mounted, with all in them.
        var mountPoints: Set<Path> = []

        init(_ plan: LaunchPlan) {
            paths = Set((plan.files.map(\.path) + plan.links.map(\.path)).map(Self.relative))
            paths.insert(Bytes(".dockerenv".utf8))
            mountPoints = Set(["dev", "proc", "sys"].map { Bytes($0.utf8) })
        }

        private static func relative(_ path: Path) -> Path { Path(path.drop { $0 == 0x2F }) }

        /// Everything that is left out with all that is in it.
        var all: [Path] { (Array(paths) + Array(mountPoints)).sorted { $0.lexicographicallyPrecedes($1) } }

        func contains(_ path: Path) -> Bool {
            paths.contains(path) || mountPoints.contains { path == $0 || path.starts(with: $0 + [0x2F]) }
        }

        /// Whether a folder had to be made for one of the files.
        func needsFolder(_ path: Path) -> Bool { paths.contains { $0.starts(with: path + [0x2F]) } }
    }

    private let generated: Generated
    /// The image's root.
    private let image: Int32
    private var children: [Path: [LayerEntry]] = [:]
    private var found: [FileChange] = []

    /// `image` is a descriptor of the image's root, with its layers stacked.
    static func find(_ entries: [LayerEntry], image: Int32, generated: Generated) -> [FileChange] {
        var changes = LayerChanges(generated: generated, image: image)
        for entry in entries { changes.children[Self.parent(of: entry.path), default: []].append(entry) }
        changes.compare([], with: [], inherited: [], isOpaque: false)
        return changes.found
    }

    private init(generated: Generated, image: Int32) {
        self.generated = generated
        self.image = image
    }

    /// Bytes in the files of a layer, each counted once however many names it has.
    static func size(_ entries: [LayerEntry], generated: Generated) -> UInt64 {
        var seen: Set<UInt64> = []
        return entries.reduce(0) { total, entry in
            let isCounted = [0o100_000, 0o120_000].contains(entry.mode & 0o170_000) && !generated.contains(entry.path)
            guard isCounted, entry.links < 2 || seen.insert(entry.inode).inserted else { return total }
            return total + entry.size
        }
    }

    // MARK: Comparing

    /// Compares a folder.
    ///
    /// `old` is the folder of this path in the image, `nil` if there is none. `inherited` is the folder of the image that
    /// shows through from below, `nil` if nothing does; it is another one than `old` for a folder that was renamed.
    private mutating func compare(_ path: Path, with old: Path?, inherited: Path?, isOpaque: Bool) {
        let below = isOpaque ? nil : inherited
        let own = children[path] ?? []
        var handled: Set<Path> = []
        for entry in own.sorted(by: { $0.path.lexicographicallyPrecedes($1.path) }) {
            handled.insert(Self.name(of: entry.path))
            guard !generated.contains(entry.path) else { continue }
            compare(entry, oldFolder: old, below: below)
        }
        // Where the image's own folder shows through, everything that the layer does not name is as it was.
        guard below != old else { return }
        var present = Set(own.filter { !$0.isWhiteout }.map { Self.name(of: $0.path) })
        if let below {
            for name in names(in: below) where !handled.contains(name) {
                present.insert(name)
                compareInherited(
                    Self.join(below, name), as: Self.join(path, name), old: old.map { Self.join($0, name) })
            }
        }
        guard let old else { return }
        for name in names(in: old) where !present.contains(name) && !handled.contains(name) {
            note(Self.join(path, name), .deleted)
        }
    }

    private mutating func compare(_ entry: LayerEntry, oldFolder: Path?, below: Path?) {
        let name = Self.name(of: entry.path)
        let oldPath = oldFolder.map { Self.join($0, name) }
        let old = oldPath.flatMap { member($0) }
        guard !entry.isWhiteout else {
            if old != nil { note(entry.path, .deleted) }
            return
        }
        let start = found.count
        var isNoted = true
        if let old {
            isNoted = Self.differs(entry, old)
            if isNoted { note(entry.path, .modified) }
        } else if entry.isFolder && generated.needsFolder(entry.path) {
            isNoted = false
        } else {
            note(entry.path, .added)
        }
        guard entry.isFolder else { return }
        var inherited = below.map { Self.join($0, name) }
        if !entry.redirect.isEmpty {
            inherited =
                entry.redirect.first == 0x2F
                ? Path(entry.redirect.drop { $0 == 0x2F }) : below.map { Self.join($0, entry.redirect) }
        }
        compare(
            entry.path, with: folder(oldPath), inherited: folder(inherited), isOpaque: entry.isOpaque)
        if !isNoted && found.count > start {
            found.insert(FileChange(path: Self.shown(entry.path), kind: .modified), at: start)
        }
    }

    /// Something of the image that a renamed folder shows in a new place.
    private mutating func compareInherited(_ source: Path, as path: Path, old oldPath: Path?) {
        guard let entry = member(source) else { return }
        let old = oldPath.flatMap { member($0) }
        if let old {
            if Self.differs(entry, old) { note(path, .modified) }
        } else {
            note(path, .added)
        }
        if entry.isFolder { compare(path, with: folder(oldPath), inherited: source, isOpaque: false) }
    }

    private mutating func note(_ path: Path, _ kind: FileChange.Kind) {
        if !generated.contains(path) { found.append(FileChange(path: Self.shown(path), kind: kind)) }
    }

    /// As dockerd's `statDifferent`: times and sizes of folders say nothing.
    private static func differs(_ new: LayerEntry, _ old: LayerEntry) -> Bool {
        if new.mode != old.mode || new.uid != old.uid || new.gid != old.gid { return true }
        if new.isFolder { return false }
        return new.device != old.device || new.size != old.size || new.seconds != old.seconds
            || new.nanoseconds != old.nanoseconds || new.capability != old.capability
    }

    // MARK: The image

    /// A member of the image; its folder is known to be one.
    private func member(_ path: Path) -> LayerEntry? {
        let name = Self.text(path)
        var status = stat()
        guard fstatat(image, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        var entry = LayerEntry(path: path, mode: status.st_mode)
        entry.uid = status.st_uid
        entry.gid = status.st_gid
        let isDevice = [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT)
        entry.device = isDevice ? UInt64(status.st_rdev) : 0
        entry.size = UInt64(max(0, status.st_size))
        entry.seconds = tandem_modified_seconds(status)
        entry.nanoseconds = UInt32(clamping: tandem_modified_nanoseconds(status))
        if status.st_mode & S_IFMT == S_IFREG {
            var value = Path(repeating: 0, count: 64)
            let count = lgetxattr(
                "/proc/self/fd/\(image)/\(String(decoding: path, as: UTF8.self))", "security.capability", &value,
                value.count)
            if count > 0 { entry.capability = Path(value[..<count]) }
        }
        return entry
    }

    /// The path, if the image has a folder there.
    private func folder(_ path: Path?) -> Path? {
        guard let path else { return nil }
        var status = stat()
        let found = fstatat(image, Self.text(path), &status, AT_SYMLINK_NOFOLLOW)
        return found == 0 && status.st_mode & S_IFMT == S_IFDIR ? path : nil
    }

    private func names(in folder: Path) -> [Path] {
        let descriptor = Self.text(folder).withUnsafeBufferPointer {
            $0.baseAddress.map { tandem_openat(image, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) } ?? -1
        }
        // fdopendir takes the descriptor over.
        guard descriptor >= 0, let stream = fdopendir(descriptor) else { return [] }
        defer { closedir(stream) }
        var names: [Path] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Path($0.prefix { $0 != 0 }) }
            if name != [0x2E] && name != [0x2E, 0x2E] { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    // MARK: Paths

    /// As a C string; the image's root is its own folder.
    private static func text(_ path: Path) -> [CChar] {
        (path.isEmpty ? [0x2E] : path).map { CChar(bitPattern: $0) } + [0]
    }

    private static func join(_ folder: Path, _ name: Path) -> Path { folder.isEmpty ? name : folder + [0x2F] + name }

    private static func name(of path: Path) -> Path {
        path.lastIndex(of: 0x2F).map { Path(path[($0 + 1)...]) } ?? path
    }

    private static func parent(of path: Path) -> Path { path.lastIndex(of: 0x2F).map { Path(path[..<$0]) } ?? [] }

    private static func shown(_ path: Path) -> String { "/" + String(decoding: path, as: UTF8.self) }
}
