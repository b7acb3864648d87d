// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Flags of statfs(2) that a bind remount must repeat: in a user namespace they are locked, elsewhere they would be lost.
private let keptFlags: UInt = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

/// mount(2) with byte strings; an empty one is a null pointer.
func mountFileSystem(source: Bytes, target: Bytes, type: Bytes, flags: UInt, options: Bytes) -> Int32 {
    withPath(source) { source in
        withPath(target) { target in
            withPath(type) { type in
                withPath(options) { options in
                    mount(source, target, type.pointee == 0 ? nil : type, flags, options.pointee == 0 ? nil : options)
                }
            }
        }
    }
}

/// Remounts what `descriptor` shows with further flags, for this mount alone.
func remountBind(_ descriptor: Int32, flags: UInt) -> Int32 {
    var status = statfs()
    guard fstatfs(descriptor, &status) == 0 else { return -1 }
    // The `ST_` bits of statfs(2) up to `ST_RELATIME` have the values of the `MS_` flags.
    let present = UInt(truncatingIfNeeded: status.f_flags) & keptFlags
    return mountFileSystem(
        source: [], target: descriptorPath(descriptor), type: [],
        flags: UInt(MS_REMOUNT | MS_BIND) | present | flags, options: [])
}

/// Carries out `LaunchPlan.storage` in the executor's own root.
///
/// - Returns: What failed, or `nil`.
func executeStorage(_ steps: [MountStep]) -> LaunchFailure? {
    for step in steps {
        makeFolders(step.target)
        var source = step.source
        if step.sourceKind == .diskSerial {
            guard let disk = findDisk(serial: step.source) else {
                return LaunchFailure(.storage, errno: ENODEV, object: step.source)
            }
            source = disk
        }
        let flags = UInt(step.flags) | (step.sourceKind == .bind ? UInt(MS_BIND | MS_REC) : 0)
        let result = mountFileSystem(
            source: source, target: step.target, type: step.fileSystem, flags: flags, options: step.options)
        if result < 0 && !step.optional {
            return LaunchFailure(.storage, errno: tandem_errno(), object: step.target)
        }
    }
    return nil
}

/// Makes a folder and its parents in the executor's own root; what exists is left alone.
func makeFolders(_ path: Bytes) {
    for end in path.indices.dropFirst() where path[end] == 0x2F {
        _ = withPath(Bytes(path[..<end])) { mkdir($0, 0o755) }
    }
    _ = withPath(path) { mkdir($0, 0o755) }
}

/// The device file of a virtio-blk disk with this serial number (virtio specification 5.2.6.1, at most 20 bytes).
private func findDisk(serial: Bytes) -> Bytes? {
    for name in folderEntries(bytes("/sys/block")) where name.starts(with: bytes("vd")) {
        guard let found = readFile(bytes("/sys/block/") + name + bytes("/serial")) else { continue }
        let text = Bytes(found.prefix { $0 != 0x0A && $0 != 0 })
        if text == serial { return bytes("/dev/") + name }
    }
    return nil
}

/// Names in a folder without `.` and `..`.
func folderEntries(_ path: Bytes) -> [Bytes] {
    guard let stream = withPath(path, { opendir($0) }) else { return [] }
    defer { closedir(stream) }
    return entries(of: stream)
}

/// The rest of what a stream of a folder's entries gives, without `.` and `..`.
func entries(of stream: OpaquePointer) -> [Bytes] {
    var names: [Bytes] = []
    while let entry = readdir(stream) {
        var name: Bytes = []
        withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
            for byte in buffer {
                if byte == 0 { break }
                name.append(byte)
            }
        }
        if name != [0x2E] && name != [0x2E, 0x2E] { names.append(name) }
    }
    return names
}

extension MountStep {
    /// Copies the source's mounts while they still belong to the executor's, if mounts are to pass between the two; -1
    /// if they are not.
    func copyTree(_ report: FailureReport) -> Int32 {
        guard sourceKind == .bind, propagation & UInt64(MS_SHARED | MS_SLAVE) != 0 else { return -1 }
        let tree = withPath(source) { tandem_copy_tree($0, below == .excluded ? 0 : 1) }
        report.check(tree, .mount, target)
        return tree
    }
}

extension RootFolder {
    /// Carries out one mount inside the root.
    ///
    /// `tree` is a copy of the source's mounts that was made before; -1 for none.
    ///
    /// - Returns: What failed, or `nil`.
    func mount(_ step: MountStep, tree: Int32 = -1) -> LaunchFailure? {
        let failed = { LaunchFailure(.mount, errno: tandem_errno(), object: step.target) }
        let target = openOrMake(step.target, asFile: step.targetIsFile)
        guard target >= 0 else { return failed() }
        defer { close(target) }
        var source = step.source
        var held: Int32 = -1
        defer { if held >= 0 { close(held) } }
        if step.sourceKind == .rootRelativeBind {
            held = open(step.source, O_PATH)
            guard held >= 0 else { return failed() }
            source = descriptorPath(held)
        }
        let isBind = step.sourceKind == .bind || step.sourceKind == .rootRelativeBind
        let below = step.below == .excluded ? 0 : UInt(MS_REC)
        let flags = isBind ? UInt(MS_BIND) | below : UInt(step.flags)
        let result =
            tree >= 0
            ? tandem_hang_tree(tree, target)
            : mountFileSystem(
                source: source, target: descriptorPath(target), type: step.fileSystem, flags: flags,
                options: step.options)
        guard result == 0 else { return step.optional ? nil : failed() }
        guard step.propagation != 0 || (isBind && step.flags != 0) else { return nil }
        // `target` still shows the covered folder: look the path up again to get at the new mount.
        let mounted = open(step.target, O_PATH)
        guard mounted >= 0 else { return failed() }
        defer { close(mounted) }
        if isBind, step.flags != 0 {
            if remountBind(mounted, flags: UInt(step.flags) & ~UInt(MS_BIND | MS_REC)) < 0 { return failed() }
            // Docker's read-only binds hold for the mounts below them too; kernels before 5.12 cannot say that.
            let isReadOnly = step.flags & UInt64(MS_RDONLY) != 0 && step.below != .unchanged
            if isReadOnly, tandem_set_tree_read_only(mounted) < 0,
                tandem_errno() != ENOSYS || step.below == .protected
            {
                return failed()
            }
        }
        if step.propagation != 0 {
            let changed = mountFileSystem(
                source: [], target: descriptorPath(mounted), type: [], flags: UInt(step.propagation), options: [])
            if changed < 0 { return failed() }
        }
        return nil
    }

    /// Hides a path: a file behind `/dev/null`, a folder behind an empty read-only tmpfs.
    ///
    /// A missing one is no failure.
    func mask(_ path: Bytes) -> LaunchFailure? {
        let target = open(path, O_PATH)
        guard target >= 0 else { return nil }
        defer { close(target) }
        var status = stat()
        guard fstat(target, &status) == 0 else { return nil }
        let isFolder = status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
        let result =
            isFolder
            ? mountFileSystem(
                source: bytes("tmpfs"), target: descriptorPath(target), type: bytes("tmpfs"), flags: UInt(MS_RDONLY),
                options: bytes("nr_inodes=1"))
            : mountFileSystem(
                source: bytes("/dev/null"), target: descriptorPath(target), type: [], flags: UInt(MS_BIND), options: [])
        return result < 0 ? LaunchFailure(.mount, errno: tandem_errno(), object: path) : nil
    }

    /// Makes a path read-only by a bind mount over itself.
    ///
    /// A missing one is no failure.
    func protect(_ path: Bytes) -> LaunchFailure? {
        let target = open(path, O_PATH)
        guard target >= 0 else { return nil }
        defer { close(target) }
        let place = descriptorPath(target)
        let failed = { LaunchFailure(.mount, errno: tandem_errno(), object: path) }
        guard
            mountFileSystem(source: place, target: place, type: [], flags: UInt(MS_BIND | MS_REC), options: []) == 0
        else { return failed() }
        let mounted = open(path, O_PATH)
        guard mounted >= 0 else { return failed() }
        defer { close(mounted) }
        return remountBind(mounted, flags: UInt(MS_RDONLY)) < 0 ? failed() : nil
    }
}
