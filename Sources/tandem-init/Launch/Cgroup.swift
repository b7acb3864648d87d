// SPDX-License-Identifier: Apache-2.0

import CLinux

extension CgroupPlacement {
    /// Makes the v2 group where the plan leaves that to the executor: in a guest.
    ///
    /// Every controller that the kernel offers is handed down to it, so that a workload with the right to can hand them
    /// on to groups of its own, as an init system or another container engine does.
    ///
    /// - Returns: What failed, or `nil`.
    mutating func make() -> LaunchFailure? {
        guard isMadeByExecutor, let slash = unifiedDirectory.lastIndex(of: 0x2F) else { return nil }
        let parent = Bytes(unifiedDirectory[..<slash])
        guard let offered = readFile(parent + bytes("/cgroup.controllers")) else {
            // A kernel without control groups still runs workloads, but holds them to no limit.
            guard processLimit == 0 else { return LaunchFailure(.cgroup, errno: ENOENT, object: parent) }
            unifiedDirectory = []
            isMadeByExecutor = false
            return nil
        }
        makeFolders(unifiedDirectory)
        var wanted: Bytes = []
        for name in offered.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }) { wanted += bytes(" +") + name }
        return write(wanted, to: parent + bytes("/cgroup.subtree_control"))
            ?? (processLimit == 0 ? nil : setProcessLimit(processLimit))
    }

    /// Lets a group of the executor's own hold at most so many processes and threads; 0 is no limit.
    ///
    /// - Returns: What failed, or `nil`.
    func setProcessLimit(_ limit: UInt64) -> LaunchFailure? {
        write(limit == 0 ? bytes("max") : digits(Int(limit)), to: unifiedDirectory + bytes("/pids.max"))
    }

    /// Whether the kernel has killed a process of the executor's own group for want of memory, by a limit of a group or
    /// because the guest itself had none left.
    var hasRunOutOfMemory: Bool {
        guard isMadeByExecutor else { return false }
        // A kernel without the memory controller has no such file, and keeps no count.
        for line in split(readFile(unifiedDirectory + bytes("/memory.events")) ?? [], at: 0x0A) {
            let words = Bytes(line).split(separator: 0x20)
            if words.count == 2, Bytes(words[0]) == bytes("oom_kill") { return Bytes(words[1]) != bytes("0") }
        }
        return false
    }

    /// Opens what freezes a group of the executor's own; -1 if there is none.
    func openFreezer() -> Int32 {
        isMadeByExecutor ? open(unifiedDirectory + bytes("/cgroup.freeze"), O_WRONLY) : -1
    }

    /// Freezes a group, and waits a moment until it stands still, or lets it go on.
    ///
    /// `freezer` is from `openFreezer`.
    static func setFrozen(_ frozen: Bool, _ freezer: Int32) {
        guard freezer >= 0, writeAll(freezer, frozen ? [0x31] : [0x30]) == 0, frozen else { return }
        // Processes stop on their way back to user space (Documentation/admin-guide/cgroup-v2.rst).
        _ = usleep(10_000)
    }

    private func write(_ value: Bytes, to path: Bytes) -> LaunchFailure? {
        let problem = writeFile(path, value)
        return problem == 0 ? nil : LaunchFailure(.cgroup, errno: problem, object: path)
    }
}

extension CgroupPlacement {
    /// Moves the calling process, which has one thread, into the groups that hold the workload's first process.
    ///
    /// - Returns: What failed, or `nil`.
    func join(first: Int32) -> LaunchFailure? {
        for folder in legacyDirectories {
            let problem = writeFile(folder + bytes("/tasks"), [0x30])
            if problem != 0 { return LaunchFailure(.cgroup, errno: problem, object: folder) }
        }
        guard !unifiedDirectory.isEmpty else { return nil }
        var problem = writeFile(unifiedDirectory + bytes("/cgroup.procs"), [0x30])
        // A workload that has handed its controllers on to groups below has moved itself into one of them: the group
        // itself takes no process any more (Documentation/admin-guide/cgroup-v2, "No Internal Process Constraint").
        if problem == EBUSY, let group = group(of: first) {
            problem = writeFile(group + bytes("/cgroup.procs"), [0x30])
        }
        return problem == 0 ? nil : LaunchFailure(.cgroup, errno: problem, object: unifiedDirectory)
    }

    /// Whether everything in the groups is frozen.
    var isFrozen: Bool {
        if let state = readFile(unifiedDirectory + bytes("/cgroup.freeze")), state.first == 0x31 { return true }
        // Of the folders of v1, only that of the freezer has the file.
        for folder in legacyDirectories {
            if let state = readFile(folder + bytes("/freezer.state")) { return !state.starts(with: bytes("THAWED")) }
        }
        return false
    }

    /// The group below `unifiedDirectory` in which a process is.
    private func group(of process: Int32) -> Bytes? {
        guard let slash = unifiedDirectory.lastIndex(of: 0x2F) else { return nil }
        let name = Bytes(unifiedDirectory[slash...]) + [0x2F]
        let file = readFile(bytes("/proc/") + digits(Int(process)) + bytes("/cgroup")) ?? []
        for line in split(file, at: 0x0A) where line.starts(with: bytes("0::")) {
            let path = Bytes(line.dropFirst(3))
            for start in path.indices where path[start...].starts(with: name) {
                return unifiedDirectory + path[(start + name.count - 1)...]
            }
        }
        return nil
    }
}
