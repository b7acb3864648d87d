// SPDX-License-Identifier: Apache-2.0
import CLinux

/// A process that has been launched, with the launcher's side of its standard streams.
///
/// The descriptors are close-on-exec and blocking; whoever receives this value owns them.
struct LaunchedProcess {
    /// As the launcher's pid namespace sees it; a child of the launcher.
    var pid: Int32 = -1
    /// Descriptor of the process.
    var pidfd: Int32 = -1
    /// Where its standard input is written; -1 for none. With a terminal the same descriptor as `output`.
    var input: Int32 = -1
    /// Where its standard output, or its terminal, is read.
    var output: Int32 = -1
    /// Where its standard error is read; -1 with a terminal.
    var errors: Int32 = -1
    /// Whether the streams are a pseudo terminal: `input` and `output` are its master.
    var terminal = false
    /// When the launch began, in nanoseconds of CLOCK_MONOTONIC.
    var namespacesStart: UInt64 = 0
    /// When the root and everything in it was ready.
    var namespacesEnd: UInt64 = 0
    /// When execve had succeeded.
    var execEnd: UInt64 = 0
}

/// Launches the first process of a workload; returns when execve has succeeded or anything has failed.
///
/// Only for a single-threaded process: the child goes on in Swift on a copy of the caller's memory.
func launch(_ plan: LaunchPlan) -> Result<LaunchedProcess, LaunchFailure> {
    var launched = LaunchedProcess()
    launched.namespacesStart = tandem_monotonic()
    let streams: LaunchStreams
    switch LaunchStreams.make(plan.process) {
    case .success(let made): streams = made
    case .failure(let failure): return .failure(failure)
    }
    // Prepared here because the child can no longer reach the host's files when it needs them.
    let helper = plan.process.program == .helper ? openHelper() : -1
    defer { closeIfOpen(helper) }

    var group: Int32 = -1
    if !plan.cgroup.unifiedDirectory.isEmpty {
        group = openPath(plan.cgroup.unifiedDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if group < 0 {
            let failure = LaunchFailure(.cgroup, errno: tandem_errno(), object: plan.cgroup.unifiedDirectory)
            streams.closeAll()
            return .failure(failure)
        }
    }
    defer { closeIfOpen(group) }

    // A cgroup namespace takes the groups that its creator is in, so the child makes it itself after joining them.
    var flags = plan.namespaces
    flags.remove(.cgroup)
    let pid = tandem_clone3(UInt64(flags.rawValue), group, &launched.pidfd)
    if pid == 0 {
        streams.closeParentSide()
        var child = LaunchChild(plan: plan, streams: streams, helper: helper)
        child.run()
    }
    if pid < 0 {
        let failure = LaunchFailure(.clone, errno: tandem_errno())
        streams.closeAll()
        return .failure(failure)
    }
    launched.pid = pid
    streams.closeChildSide()
    if plan.namespaces.contains(.user) {
        if let failure = writeMappings(plan, pid) {
            abandon(&launched, streams)
            return .failure(failure)
        }
    }
    // The child waits for this in a user namespace; it costs nothing elsewhere.
    streams.allowStart()
    return collect(&launched, streams)
}

/// Waits for the child's report; kills and reaps the child if it failed.
func collect(_ launched: inout LaunchedProcess, _ streams: LaunchStreams) -> Result<LaunchedProcess, LaunchFailure> {
    launched.terminal = streams.terminal
    if streams.terminal {
        let master = tandem_receive_descriptor(streams.parentSocket)
        launched.input = master
        launched.output = master
    } else {
        launched.input = streams.parentInput
        launched.output = streams.parentOutput
        launched.errors = streams.parentErrors
    }
    var failure: LaunchFailure?
    while let record = LaunchRecord.receive(streams.parentReports) {
        switch record.kind {
        case .ready: launched.namespacesEnd = record.time
        case .process: launched.pid = record.number
        case .failure: failure = LaunchFailure(record.step, errno: record.number, object: record.object)
        }
    }
    launched.execEnd = tandem_monotonic()
    // End-of-file without any record: the child was killed before it could say anything.
    if failure == nil && launched.namespacesEnd == 0 { failure = LaunchFailure(.clone, errno: ESRCH) }
    close(streams.parentReports)
    closeIfOpen(streams.parentSocket)
    guard let failure else { return .success(launched) }
    closeIfOpen(launched.input)
    if launched.output != launched.input { closeIfOpen(launched.output) }
    closeIfOpen(launched.errors)
    endChild(&launched)
    return .failure(failure)
}

private func abandon(_ launched: inout LaunchedProcess, _ streams: LaunchStreams) {
    streams.closeParentSide()
    endChild(&launched)
}

/// Kills and reaps what a failed launch left.
private func endChild(_ launched: inout LaunchedProcess) {
    if launched.pid > 0 {
        kill(launched.pid, SIGKILL)
        while waitpid(launched.pid, nil, Int32(bitPattern: 0x4000_0000 /* __WALL */)) < 0 && tandem_errno() == EINTR {}
    }
    closeIfOpen(launched.pidfd)
    launched.pidfd = -1
}

/// Writes the id mappings of a child in a new user namespace.
private func writeMappings(_ plan: LaunchPlan, _ pid: Int32) -> LaunchFailure? {
    let folder = Bytes("/proc/") + decimal(UInt64(pid))
    for (name, mappings) in [(Bytes("/uid_map"), plan.userMappings), (Bytes("/gid_map"), plan.groupMappings)] {
        var text = Bytes()
        for mapping in mappings {
            text += decimal(UInt64(mapping.inside)) + [0x20] + decimal(UInt64(mapping.outside)) + [0x20]
            text += decimal(UInt64(mapping.count)) + [0x0A]
        }
        if writeFile(folder + name, text) < 0 {
            return LaunchFailure(.clone, errno: tandem_errno(), object: folder + name)
        }
    }
    return nil
}
