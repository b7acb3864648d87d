// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A process that has been launched, seen from the one who launched it.
struct LaunchedProcess {
    var pid: Int32
    var pidfd: Int32
    /// Our ends of its streams.
    var streams: Streams
    /// Times of the host's or guest's CLOCK_MONOTONIC: before clone3, when the set-up had ended, when execve had
    /// succeeded.
    var begun: UInt64
    var ready: UInt64
    var executed: UInt64
}

/// Where the executor's busybox lies, on a host with Debian's busybox-static and in Tandem's guests.
var helperPath: Bytes { bytes("/bin/busybox") }

/// Launches a workload's first process into new namespaces and waits until it has been executed.
///
/// The caller must have one thread.
func launch(_ plan: LaunchPlan) -> Result<LaunchedProcess, LaunchFailure> {
    var group: Int32 = -1
    if !plan.cgroup.unifiedDirectory.isEmpty {
        group = open(plan.cgroup.unifiedDirectory, O_PATH | O_DIRECTORY)
        guard group >= 0 else {
            return .failure(LaunchFailure(.cgroup, errno: tandem_errno(), object: plan.cgroup.unifiedDirectory))
        }
    }
    defer { if group >= 0 { close(group) } }
    // A user namespace needs its identity maps written from outside, and changes how devices are made.
    guard !plan.namespaces.contains(.user) else {
        return .failure(LaunchFailure(.clone, errno: EOPNOTSUPP, object: bytes("user namespace")))
    }
    let joined: JoinedNamespaces
    switch JoinedNamespaces.open(plan.joined) {
    case .failure(let failure): return .failure(failure)
    case .success(let opened): joined = opened
    }
    defer { joined.closeAll() }
    // The cgroup namespace's root is the group that the child is in when it makes the namespace: after joining.
    let namespaces = plan.namespaces.subtracting(.cgroup)
    return joined.withChildNamespace {
        spawn(plan.process, namespaces: UInt64(namespaces.rawValue), group: group) { streams, report in
            plan.runChild(streams, joined, report)
        }
    }
}

/// Clones a child that runs `body`, and follows it until it has been executed.
func spawn(
    _ process: ProcessPlan, namespaces: UInt64, group: Int32, _ body: (Streams, FailureReport) -> Never
) -> Result<LaunchedProcess, LaunchFailure> {
    var streams: Streams
    switch Streams.make(for: process) {
    case .failure(let failure): return .failure(failure)
    case .success(let made): streams = made
    }
    var pipe: [Int32] = [-1, -1]
    guard pipe2(&pipe, O_CLOEXEC) == 0 else {
        let failure = LaunchFailure(.standardStreams, errno: tandem_errno())
        streams.closeAll()
        return .failure(failure)
    }
    let begun = tandem_monotonic()
    var pidfd: Int32 = -1
    let pid = tandem_clone3(namespaces, group, &pidfd)
    if pid == 0 {
        close(pipe[0])
        body(streams, FailureReport(descriptor: pipe[1]))
    }
    let problem = tandem_errno()
    close(pipe[1])
    streams.closeChildEnds()
    guard pid > 0 else {
        close(pipe[0])
        streams.closeAll()
        return .failure(LaunchFailure(.clone, errno: problem))
    }
    streams.receiveTerminal()
    var (ready, failure) = FailureReport.read(pipe[0])
    // End-of-file without a word: the child was killed on its way.
    if ready == 0 && failure == nil { failure = LaunchFailure(.clone, errno: ESRCH) }
    let executed = tandem_monotonic()
    close(pipe[0])
    if let failure {
        tandem_await(pid)
        close(pidfd)
        streams.closeAll()
        return .failure(failure)
    }
    return .success(
        LaunchedProcess(
            pid: pid, pidfd: pidfd, streams: streams, begun: begun, ready: ready, executed: executed))
}

extension LaunchPlan {
    /// What the child does between clone3 and execve.
    func runChild(_ streams: Streams, _ joined: JoinedNamespaces, _ report: FailureReport) -> Never {
        // If the monitor dies, nobody would know the end of the workload or own its streams: it dies too.
        report.check(tandem_die_with_parent(), .clone)
        tandem_reset_signals()
        for folder in cgroup.legacyDirectories {
            // `tasks` and 0: a single thread that moves itself does not wait for the kernel's global lock, which
            // `cgroup.procs` takes (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
            let problem = writeFile(folder + bytes("/tasks"), [0x30])
            if problem != 0 { report.fail(LaunchFailure(.cgroup, errno: problem, object: folder)) }
        }
        joined.enter(report)
        if networkDescriptor != 0 {
            let flag = Int32(bitPattern: NamespaceSet.network.rawValue)
            report.check(setns(Int32(bitPattern: networkDescriptor), flag), .enter, bytes("network namespace"))
        }
        let outerGroups = leavesCgroupNamespace ? open(bytes("/proc/self/ns/cgroup"), O_RDONLY) : -1
        if namespaces.contains(.cgroup) {
            report.check(unshare(Int32(bitPattern: NamespaceSet.cgroup.rawValue)), .cgroup)
        }
        if namespaces.contains(.uts) {
            if !hostname.isEmpty {
                report.check(withPath(hostname) { sethostname($0, hostname.count) }, .identity, hostname)
            }
            if !domainname.isEmpty {
                report.check(withPath(domainname) { setdomainname($0, domainname.count) }, .identity, domainname)
            }
        }
        if bringLoopbackUp { report.check(tandem_loopback_up(), .identity, bytes("lo")) }
        setUp(interfaces, report)
        for sysctl in sysctls { write(sysctl, report) }
        let helper = process.openHelper(report)
        // A session of its own, also without a terminal: a signal to the monitor's group must not reach the workload.
        if !process.terminal { setsid() }
        enterRoot(report)
        if leavesCgroupNamespace {
            report.check(setns(outerGroups, Int32(bitPattern: NamespaceSet.cgroup.rawValue)), .cgroup)
        }
        process.become(streams, helper: helper, isFirst: true, report)
    }
}

extension ProcessPlan {
    /// Copies busybox into sealed memory before the executor's root is left: a workload that gets hold of the program
    /// through /proc could otherwise write to the executor's own (CVE-2019-5736).
    func openHelper(_ report: FailureReport) -> Int32 {
        guard program == .helper else { return -1 }
        let source = open(helperPath, O_RDONLY)
        report.check(source, .commandNotFound, helperPath)
        let copy = tandem_memory_file("busybox")
        report.check(copy, .commandNotExecutable, helperPath)
        var copied = 1
        while copied > 0 { copied = sendfile(copy, source, nil, 1 << 20) }
        report.check(Int32(copied), .commandNotExecutable, helperPath)
        report.check(tandem_seal(copy), .commandNotExecutable, helperPath)
        close(source)
        return copy
    }

    /// Connects the streams, gives up rights and executes the command.
    ///
    /// The root is the workload's.
    func become(_ streams: Streams, helper: Int32, isFirst: Bool, _ report: FailureReport) -> Never {
        streams.connect(self, isFirst: isFirst, report)
        // Nothing but the streams goes any further; the report's pipe closes itself at execve.
        let helper = closeOthers(keeping: report.descriptor, helper, report)
        if program == .packRoot { packRoot(helper.report) }
        // As root first, as Docker does: a user need not have the right to look its folder up.
        if !workingDirectory.isEmpty, withPath(workingDirectory, { chdir($0) }) < 0, tandem_errno() != EACCES {
            helper.report.fail(.workingDirectory, workingDirectory)
        }
        let home = applyCredentials(helper.report)
        // A change of user clears the parent-death signal (prctl(2)).
        if isFirst { helper.report.check(tandem_die_with_parent(), .clone) }
        if program == .pause { pauseForEver(helper.report) }
        if runInit && isFirst { runTinyInit(home: home, helper: helper.helper, helper.report) }
        execute(home: home, helper: helper.helper, helper.report)
    }

    /// Connects the streams of a child that executes nothing, and closes everything else but its report.
    func takeStreams(_ streams: Streams, isFirst: Bool, _ report: FailureReport) -> FailureReport {
        streams.connect(self, isFirst: isFirst, report)
        return closeOthers(keeping: report.descriptor, -1, report).report
    }

    /// The same, but some descriptors stay open, under the numbers that are returned; -1 stands for none.
    func takeStreams(
        _ streams: Streams, keeping descriptors: [Int32], _ report: FailureReport
    ) -> (kept: [Int32], report: FailureReport) {
        streams.connect(self, isFirst: false, report)
        // First above everything that is open, then down: neither step can overwrite another one.
        var high: [Int32] = []
        for descriptor in [report.descriptor] + descriptors {
            high.append(descriptor >= 0 ? tandem_duplicate_above(descriptor, 1_000) : -1)
        }
        var kept: [Int32] = []
        var next: Int32 = 3
        for descriptor in high {
            guard descriptor >= 0 else {
                kept.append(-1)
                continue
            }
            report.check(dup3(descriptor, next, O_CLOEXEC), .standardStreams)
            kept.append(next)
            next += 1
        }
        let report = FailureReport(descriptor: kept[0])
        report.check(tandem_close_range(UInt32(next), .max), .standardStreams)
        return (Array(kept.dropFirst()), report)
    }

    /// Packs the root that this process has entered; needs its rights.
    private func packRoot(_ report: FailureReport) -> Never {
        report.ready()
        close(report.descriptor)
        let problem = RootArchive.write(to: 1, emptied: arguments)
        if problem != 0 { _ = writeAll(2, bytes("the root cannot be packed: error ") + digits(Int(problem))) }
        _exit(problem == 0 ? 0 : 1)
    }

    /// Closes every descriptor above the standard streams but the two that are still needed.
    private func closeOthers(
        keeping pipe: Int32, _ helper: Int32, _ report: FailureReport
    ) -> (report: FailureReport, helper: Int32) {
        // First above everything that is open, then down to 3 and 4: neither step can overwrite the other one.
        let high = tandem_duplicate_above(pipe, 1_000)
        let highHelper = helper >= 0 ? tandem_duplicate_above(helper, 1_000) : -1
        report.check(high, .standardStreams)
        report.check(dup3(high, 3, O_CLOEXEC), .standardStreams)
        if highHelper >= 0 { report.check(dup3(highHelper, 4, O_CLOEXEC), .standardStreams) }
        let kept = FailureReport(descriptor: 3)
        kept.check(tandem_close_range(highHelper >= 0 ? 5 : 4, .max), .standardStreams)
        return (kept, highHelper >= 0 ? 4 : -1)
    }

    /// Waits to be killed; `exec` reaches the files of the root meanwhile.
    private func pauseForEver(_ report: FailureReport) -> Never {
        report.ready()
        close(report.descriptor)
        // This memory is still the monitor's, with its plan: `exec` runs beside it and must not read it.
        _ = tandem_hide_memory()
        // What `exec` leaves behind becomes this process's child.
        tandem_ignore_children()
        while true { pause() }
    }
}
