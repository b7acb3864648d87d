// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Lists a writable layer while a workload may be changing it: no name is followed that has become a link.
struct LayerList {
    private var output: OutputBuffer
    /// Deeper folders than any path can name are left out.
    private static let deepest = 2_048

    private init(_ descriptor: Int32) { output = OutputBuffer(descriptor) }

    /// Writes the list to a descriptor.
    ///
    /// - Returns: The error number of what failed, or 0.
    static func write(of layer: Bytes, to descriptor: Int32) -> Int32 {
        var list = LayerList(descriptor)
        let root = open(layer, O_RDONLY | O_DIRECTORY)
        // A workload that never ran has written nothing.
        guard root >= 0 else { return tandem_errno() == ENOENT ? 0 : tandem_errno() }
        list.walk(root, path: [], depth: 0)
        close(root)
        list.output.flush()
        return list.output.problem
    }

    private mutating func walk(_ folder: Int32, path: Bytes, depth: Int) {
        guard depth < Self.deepest else { return }
        for name in sortedEntries(folder) where output.problem == 0 {
            var status = stat()
            let found = withPath(name) { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }
            // It may have gone meanwhile.
            guard found == 0 else { continue }
            var entry = LayerEntry(path: path.isEmpty ? name : path + [0x2F] + name, mode: status.st_mode)
            entry.uid = status.st_uid
            entry.gid = status.st_gid
            let type = Int32(bitPattern: status.st_mode) & S_IFMT
            if type == S_IFCHR || type == S_IFBLK { entry.device = UInt64(status.st_rdev) }
            entry.size = UInt64(max(0, status.st_size))
            entry.seconds = Int64(status.st_mtim.tv_sec)
            entry.nanoseconds = UInt32(status.st_mtim.tv_nsec)
            entry.inode = UInt64(status.st_ino)
            entry.links = UInt32(status.st_nlink)
            if entry.isFolder {
                add(folder: name, of: folder, entry, depth: depth)
            } else {
                if type == S_IFREG {
                    entry.capability = attribute(
                        "security.capability", of: descriptorPath(folder) + [0x2F] + name)
                }
                output.write(entry.encoded())
            }
        }
    }

    private mutating func add(folder name: Bytes, of parent: Int32, _ entry: LayerEntry, depth: Int) {
        let folder = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: parent)
        guard folder >= 0 else { return }
        var entry = entry
        entry.isOpaque = attribute("trusted.overlay.opaque", of: descriptorPath(folder) + bytes("/.")) == [0x79]
        entry.redirect = attribute("trusted.overlay.redirect", of: descriptorPath(folder) + bytes("/."))
        output.write(entry.encoded())
        walk(folder, path: entry.path, depth: depth + 1)
        close(folder)
    }
}

/// Lists a workload's writable layer in a child of the executor.
func listLayer(of root: RootPlan, _ process: ProcessPlan) -> Result<LaunchedProcess, LaunchFailure> {
    spawn(process, namespaces: 0, group: -1) { streams, report in
        report.check(tandem_die_with_parent(), .clone)
        tandem_reset_signals()
        setsid()
        let report = process.takeStreams(streams, isFirst: false, report)
        // This memory is still the executor's.
        _ = tandem_hide_memory()
        report.ready()
        close(report.descriptor)
        let problem = LayerList.write(of: root.upper, to: 1)
        if problem != 0 { _ = writeAll(2, bytes("the writable layer cannot be listed: error ") + digits(Int(problem))) }
        _exit(problem == 0 ? 0 : 1)
    }
}
