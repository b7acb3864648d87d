// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Executes a further process inside a running workload.
///
/// The child joins the workload's groups and namespaces and forks once more, because a pid namespace takes effect
/// for children only. The caller must be a child subreaper: the process in between ends at once.
///
/// - Parameters:
///   - target: pidfd of the workload's first process.
///   - first: Its number.
///   - namespaces: Those that the workload does not share with the caller.
///   - cgroup: The workload's groups.
///   - process: What is executed.
/// - Returns: The process once it has been executed, or why it could not be.
func enter(
    _ target: Int32, first: Int32, namespaces: NamespaceSet, cgroup: CgroupPlacement, process: ProcessPlan
) -> Result<LaunchedProcess, LaunchFailure> {
    var pair: [Int32] = [-1, -1]
    guard tandem_socket_pair(&pair) == 0 else {
        return .failure(LaunchFailure(.standardStreams, errno: tandem_errno()))
    }
    defer { close(pair[0]) }
    let parentEnd = pair[0]
    let childEnd = pair[1]
    let result = spawn(process, namespaces: 0, group: -1) { streams, report in
        close(parentEnd)
        tandem_reset_signals()
        // A tool of ours is not to be frozen with the workload whose files it reaches.
        if process.program == .arguments || !cgroup.isFrozen, let failure = cgroup.join(first: first) {
            report.fail(failure)
        }
        let helper = process.openHelper(report)
        // Processes of the workload must not look into this one while it still holds the executor's memory.
        report.check(tandem_hide_memory(), .enter)
        report.check(setns(target, Int32(bitPattern: namespaces.rawValue)), .enter)
        let child = fork()
        report.check(child, .clone)
        if child > 0 {
            // The pid is told from here, in the executor's numbers; the pidfd follows from it.
            var writer = ByteWriter()
            writer.write(UInt32(bitPattern: child))
            _ = writeAll(childEnd, writer.bytes)
            _exit(0)
        }
        close(childEnd)
        if !process.terminal { setsid() }
        process.become(streams, helper: helper, isFirst: false, report)
    }
    close(childEnd)
    guard case .success(var launched) = result else { return result }
    var reader = ByteReader(readAll(parentEnd, limit: 4))
    // Not by looking again and again: a guest without a precise timer sleeps for one tick or two at least.
    tandem_await(launched.pid)
    close(launched.pidfd)
    guard let pid = try? reader.number(UInt32.self) else {
        launched.streams.closeAll()
        return .failure(LaunchFailure(.enter, errno: ESRCH))  // the process in between was killed
    }
    launched.pid = Int32(bitPattern: pid)
    // The process is an orphan that only this subreaper reaps, so its number is still its own.
    launched.pidfd = tandem_pidfd_open(launched.pid)
    return .success(launched)
}
