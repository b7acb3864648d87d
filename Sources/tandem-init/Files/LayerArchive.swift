// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Packs a writable layer as a layer of an image (OCI image specification, layer.md): what overlayfs notes down about
/// lower layers becomes members whose names begin with `.wh.`.
struct LayerArchive {
    private var archive: MemberArchive
    /// Paths that are left out with everything in them.
    private var omitted: [Bytes] = []
    /// Folders that are left out unless something in them is packed.
    private var unchanged: [Bytes] = []
    /// The workload's root as it sees it, without what is mounted in it.
    private let root: Int32
    /// Folders on the way to what is packed next, whose own members have been held back.
    private var pending: [(folder: Int32, path: Bytes, status: stat)] = []
    private static let deepest = 2_048

    /// `arguments` are those of `ProcessPlan.Program.packLayer`.
    private init(_ descriptor: Int32, root: Int32, _ arguments: [Bytes]) {
        archive = MemberArchive(descriptor)
        archive.keepsAttributes = true
        self.root = root
        for argument in arguments.dropFirst() {
            guard let mark = argument.first else { continue }
            let value = Bytes(argument.dropFirst())
            switch mark {
            case 0x2D: omitted.append(value)
            case 0x7E: unchanged.append(value)
            default: if let time = decimal(value) { archive.latestTime = Int64(time) }
            }
        }
    }

    /// Writes the tar to a descriptor; the process's root is the workload's, `layer` a folder outside of it.
    ///
    /// - Returns: The error number of what failed, or 0.
    static func write(of layer: Int32, to descriptor: Int32, _ arguments: [Bytes]) -> Int32 {
        let root = RootArchive.openUnmountedRoot()
        guard root >= 0 else { return tandem_errno() }
        var packed = LayerArchive(descriptor, root: root, arguments)
        packed.walk(layer, path: [], depth: 0, isMerged: false)
        packed.archive.finish()
        return packed.archive.problem
    }

    private mutating func walk(_ folder: Int32, path: Bytes, depth: Int, isMerged: Bool) {
        guard depth < Self.deepest else { return }
        for name in sortedEntries(folder) where archive.problem == 0 {
            let inner = path.isEmpty ? name : path + [0x2F] + name
            var status = stat()
            // It may have gone meanwhile.
            guard !omitted.contains(inner), withPath(name, { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0
            else { continue }
            let type = Int32(bitPattern: status.st_mode) & S_IFMT
            if type == S_IFDIR {
                add(folder: name, of: folder, path: inner, status, depth: depth, isMerged: isMerged)
            } else {
                addPending()
                if type == S_IFCHR && status.st_rdev == 0 {
                    archive.addMark((path.isEmpty ? [] : path + [0x2F]) + bytes(".wh.") + name)
                } else {
                    archive.add(name, in: folder, path: inner, status)
                }
            }
        }
    }

    private mutating func add(
        folder name: Bytes, of parent: Int32, path: Bytes, _ status: stat, depth: Int, isMerged: Bool
    ) {
        let folder = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: parent)
        guard folder >= 0 else { return }
        defer { close(folder) }
        let held = pending.count
        pending.append((folder, path, status))
        if !unchanged.contains(path) { addPending() }
        guard !isMerged else { return walk(folder, path: path, depth: depth + 1, isMerged: true) }
        if hasAttribute("trusted.overlay.redirect", folder) {
            addPending()
            addRenamed(path, depth: depth)
        } else {
            if hasAttribute("trusted.overlay.opaque", folder) {
                addPending()
                archive.addMark(path + bytes("/.wh..wh..opq"))
            }
            walk(folder, path: path, depth: depth + 1, isMerged: false)
        }
        if pending.count > held { pending.removeLast(pending.count - held) }
    }

    /// A folder that was renamed has its content in lower layers, under its old name: it is packed as the workload sees it.
    private mutating func addRenamed(_ path: Bytes, depth: Int) {
        archive.addMark(path + bytes("/.wh..wh..opq"))
        let merged = withPath(path) { tandem_open_in_root(root, $0, UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0) }
        guard merged >= 0 else { return }
        archive.forgetNames()
        walk(merged, path: path, depth: depth + 1, isMerged: true)
        archive.forgetNames()
        close(merged)
    }

    private mutating func addPending() {
        for (folder, path, status) in pending { archive.addFolder(folder, path: path, status) }
        pending = []
    }

    private func hasAttribute(_ name: StaticString, _ folder: Int32) -> Bool {
        withPath(bytes(name)) { fgetxattr(folder, $0, nil, 0) } > 0
    }
}

/// Packs a workload's writable layer in a child of the executor, which enters the workload's root but not its groups: it
/// goes on while they are frozen.
///
/// Groups of the executor's own are frozen meanwhile if the first argument is `freeze`.
func packLayer(of plan: LaunchPlan, first: Int32, _ process: ProcessPlan) -> Result<LaunchedProcess, LaunchFailure> {
    spawn(process, namespaces: 0, group: -1) { streams, report in
        report.check(tandem_die_with_parent(), .clone)
        tandem_reset_signals()
        setsid()
        // Above what is closed below; a workload that never ran has no layer yet, and has written nothing.
        let layer = open(plan.root.upper, O_RDONLY | O_DIRECTORY)
        report.check(layer, .enter, plan.root.upper)
        let group = process.arguments.first == bytes("freeze") ? plan.cgroup.openFreezer() : -1
        report.check(setns(first, Int32(bitPattern: NamespaceSet.mount.rawValue)), .enter)
        let (kept, report) = process.takeStreams(streams, keeping: [layer, group], report)
        // This memory is still the executor's.
        _ = tandem_hide_memory()
        report.ready()
        close(report.descriptor)
        CgroupPlacement.setFrozen(true, kept[1])
        let problem = LayerArchive.write(of: kept[0], to: 1, process.arguments)
        CgroupPlacement.setFrozen(false, kept[1])
        if problem != 0 { _ = writeAll(2, bytes("the writable layer cannot be packed: error ") + digits(Int(problem))) }
        _exit(problem == 0 ? 0 : 1)
    }
}
